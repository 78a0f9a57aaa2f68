//! Providers and sources whose requests carry JSON Web Tokens.

use super::support::{Folder, check, source};

const PROVIDER: &str = r#"
    name = "push"
    package = "push:webhooks"
    key = { json = "/id" }
    type = { json = "/type" }
    [scheme]
    default = "jwt"
    [scheme.jwt]
    algorithms = ["RS256"]
    issuers = ["https://login.example/{setting:tenant}/"]
    keys_url = "https://login.example/keys"
    needs = ["audience"]
    claims = [{ name = ["azp", "appid"], is = "app" }]
"#;

/// Plaid's rules: each key is requested by its id.
const REQUEST: &str = r#"
    name = "bank"
    package = "bank:webhooks"
    key = { json = "/id" }
    type = { json = "/type" }
    [scheme]
    default = "jwt"
    [scheme.jwt]
    from = { header = "Plaid-Verification" }
    algorithms = ["ES256"]
    max_age = "5m"
    body_sha256 = "request_body_sha256"
    [scheme.jwt.key_request]
    url = "https://bank.example/key"
    body = { client_id = "{setting:client_id}", secret = "{secret}", key_id = "{kid}" }
    key = "/key"
"#;

fn faults(lines: &str) -> Vec<String> {
    let folder = folder();
    folder.faults(&format!(
        "[providers]\nfolder = \"providers\"\n{}",
        source(lines)
    ))
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("providers/push/provider.toml", PROVIDER);
    folder.write("providers/bank/provider.toml", REQUEST);
    folder
}

#[track_caller]
fn fault(lines: &str, expected: &str) {
    let found = faults(lines);
    assert!(
        found.len() == 1 && found[0].contains(expected),
        "{found:?} of\n{lines}"
    );
}

#[test]
fn source_has_what_its_provider_demands() {
    let good = "provider = \"push\"\naudience = \"me\"\nsettings = { tenant = \"t\" }\n";
    assert_eq!(faults(good), [""; 0]);
    let keys = "keys = [{ file = \"topper.jwk\" }]\n";
    fault(&(good.to_owned() + keys), "no key can be used");
    fault(&(good.to_owned() + "topics = []"), "does not apply");
    fault(
        "provider = \"push\"\nsettings = { tenant = \"t\" }",
        "`audience` is missing",
    );
    fault(
        "provider = \"push\"\naudience = [\"me\"]",
        "the provider needs the setting `tenant`",
    );
    fault(
        "provider = \"push\"\naudience = \"me\"\nissuer = \"x\"\nkeys_url = \"ftp://x\"",
        "must be a URL",
    );
}

#[test]
fn empty_list_accepts_nobody() {
    let settings = "settings = { tenant = \"t\" }\n";
    for (key, line) in [("audience", 6), ("email", 7), ("issuer", 7)] {
        let audience = if key == "audience" {
            ""
        } else {
            "audience = \"me\"\n"
        };
        let found = faults(&format!(
            "provider = \"push\"\n{settings}{audience}{key} = []"
        ));
        let expected = format!("hookyard.toml:{line}: tenants.acme.sources.x.{key}: is empty");
        assert!(
            found.len() == 1 && found[0].starts_with(&expected),
            "{found:?}"
        );
    }
}

#[test]
fn weak_proof_is_noted() {
    let text = format!(
        "[providers]\nfolder = \"providers\"\n{}",
        source("provider = \"push\"\naudience = \"me\"\nsettings = { tenant = \"t\" }")
    );
    let reading = folder().read(&text);
    assert!(reading.result.is_ok());
    let notes: Vec<_> = reading.notes.iter().map(ToString::to_string).collect();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("say nothing about the body")),
        "{notes:?}"
    );
}

#[test]
fn plain_http_is_the_operators_choice() {
    let text = |url: &str| {
        format!(
            "[providers]\nfolder = \"providers\"\n{}",
            source(&format!(
                "provider = \"bank\"\nsecrets = [{{ env = \"SECRET\" }}]\n\
                 settings = {{ client_id = \"c\" }}\n{url}"
            ))
        )
    };
    let allows_http = |url: &str| {
        let settings = folder().settings(&text(url));
        let mut sources = settings.sources.values();
        sources.next().expect("a source").allow_http
    };
    assert!(!allows_http(""));
    assert!(allows_http("keys_url = \"http://127.0.0.1:9/key\""));
    for url in ["http://bank.example/key", "http://127.0.0.1.example/key"] {
        let found = folder().faults(&text(&format!("keys_url = \"{url}\"")));
        assert!(
            found.len() == 1 && found[0].contains("in clear text"),
            "{url}: {found:?}"
        );
    }
    fault(
        "provider = \"bank\"\nsettings = { client_id = \"c\" }",
        "`secrets` is missing",
    );
}

#[test]
fn rules_are_checked_where_they_are_written() {
    let folder = Folder::new();
    let faults = |from: &str, to: &str, provider: &str| {
        let name = if provider == PROVIDER { "push" } else { "bank" };
        let file = format!("providers/{name}/provider.toml");
        folder.write(&file, &provider.replace(from, to));
        let found = folder.faults("[providers]\nfolder = \"providers\"\n");
        folder.write(&file, provider);
        found
    };

    for (from, to, provider, expected) in [
        ("\"RS256\"", "\"RS257\"", PROVIDER, "there is no algorithm"),
        (
            "algorithms",
            "algorithm",
            PROVIDER,
            "did you mean `algorithms`",
        ),
        (
            "https://login.example/keys",
            "http://a/",
            PROVIDER,
            "https:",
        ),
        (
            "[\"audience\"]",
            "[\"audiense\"]",
            PROVIDER,
            "did you mean `audience`",
        ),
        (
            "{setting:tenant}",
            "{header:x}",
            PROVIDER,
            "only `{setting:NAME}`",
        ),
        (
            "is = \"app\"",
            "equals = \"app\"",
            PROVIDER,
            "`is` is missing",
        ),
        ("{kid}", "kid", REQUEST, "{kid}"),
        ("key = \"/key\"", "key = \"key\"", REQUEST, "JSON pointer"),
    ] {
        let found = faults(from, to, provider);
        assert!(
            found.iter().any(|fault| fault.contains(expected)),
            "{to}: {found:?}"
        );
    }
}

#[test]
fn provider_without_rules_for_tokens_is_told() {
    let folder = Folder::new();
    folder.write(
        "providers/push/provider.toml",
        "name = \"push\"\npackage = \"push:webhooks\"\nkey = { json = \"/id\" }\n\
         type = { json = \"/type\" }\nscheme = { default = \"jwt\" }",
    );
    let found = folder.faults(&format!(
        "[providers]\nfolder = \"providers\"\n{}",
        source("provider = \"push\"")
    ));
    assert!(found[0].contains("add [scheme.jwt]"), "{found:?}");
    check(
        &source("provider = \"topper\"\nkeys = [{ file = \"topper.jwk\" }]\naudience = \"x\""),
        "hookyard.toml:4: tenants.acme.sources.x.audience: does not apply to the scheme \
         jws-detached; remove it, or choose another scheme",
    );
}

/// A sender that signs as RFC 9421 describes.
const SIGNATURES: &str = r#"
    name = "signer"
    package = "signer:webhooks"
    key = { json = "/id" }
    type = { json = "/type" }
    [scheme]
    default = "http-signatures"
    [scheme.http-signatures]
    algorithms = ["ed25519", "ecdsa-p256-sha256"]
"#;

fn signature_faults(provider: &str, lines: &str) -> Vec<String> {
    let folder = Folder::new();
    folder.write("providers/signer/provider.toml", provider);
    folder.write("secret.txt", "00112233445566778899aabbccddeeff");
    folder.faults(&format!(
        "[providers]\nfolder = \"providers\"\n{}",
        source(&format!("provider = \"signer\"\n{lines}"))
    ))
}

#[test]
fn http_signatures_have_rules_and_keys() {
    let keys = "keys = [{ file = \"topper.jwk\" }]\npublic_url = \"https://hooks.example/acme/x\"";
    assert_eq!(signature_faults(SIGNATURES, keys), [""; 0]);
    let url = "keys_url = \"https://keys.example/jwks\"\ntolerance = \"1m\"";
    assert_eq!(signature_faults(SIGNATURES, url), [""; 0]);
    let shared = SIGNATURES.replace(
        "[\"ed25519\", \"ecdsa-p256-sha256\"]",
        "[\"hmac-sha256\"]\n    key = \"hex\"",
    );
    let secrets = "secrets = [{ file = \"secret.txt\" }]";
    assert_eq!(signature_faults(&shared, secrets), [""; 0]);

    for (from, to, lines, expected) in [
        ("ed25519", "ed448", keys, "use one of ed25519"),
        ("algorithms", "algorithm", keys, "did you mean `algorithms`"),
        (
            "algorithms",
            "components = [\"@method\"]\n    algorithms",
            keys,
            "content-digest",
        ),
        (
            "algorithms",
            "components = [\"@host\"]\n    algorithms",
            keys,
            "not a component",
        ),
        ("x", "x", "", "`secrets` is missing"),
    ] {
        let found = signature_faults(&SIGNATURES.replace(from, to), lines);
        assert!(
            found.iter().any(|fault| fault.contains(expected)),
            "{to}: {found:?}"
        );
    }
    let unsigned = SIGNATURES.replace("algorithms", "components = [\"@method\"]\n    algorithms");
    let accepted = format!("{keys}\nunsigned_body = true");
    assert_eq!(signature_faults(&unsigned, &accepted), [""; 0]);
}
