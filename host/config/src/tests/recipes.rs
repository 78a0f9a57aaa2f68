//! Recipes in provider.toml, and the keys of the sources that need something for them.

use std::fs;

use super::support::{Folder, source};

const TOKEN_SECRET: &str = "correct-horse-battery";
const ED25519: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// Returns a folder with the provider `shop`, whose scheme table has these lines.
fn folder(scheme: &str) -> Folder {
    let folder = Folder::new();
    let text = format!(
        "name = \"shop\"\npackage = \"shop:webhooks\"\nkey = \"none\"\ntype = \"none\"\n[scheme]\n{scheme}"
    );
    folder.write("providers/shop/provider.toml", &text);
    folder.write("token.secret", TOKEN_SECRET);
    folder.write("sender.key", ED25519);
    folder
}

/// Returns the faults of a source of `shop`, without the parts that are the same for all.
fn faults(folder: &Folder, lines: &str) -> Vec<String> {
    let text = "[providers]\nfolder = \"providers\"\n".to_owned()
        + &source(&format!("provider = \"shop\"\n{lines}"));
    let faults = folder.faults(&text);
    let short = |fault: String| {
        fault
            .replace("providers/shop/provider.toml:", "provider:")
            .replace("tenants.acme.sources.", "")
    };
    faults.into_iter().map(short).collect()
}

fn hmac(lines: &str) -> String {
    format!(
        "default = \"hmac\"\n[scheme.hmac]\nhash = \"sha256\"\nencoding = \"hex\"\n\
         signature = {{ header = \"X-Signature\" }}\n{lines}"
    )
}

/// Checks the only fault of a provider, whether or not a source uses it.
#[track_caller]
fn check(scheme: &str, expected: &str) {
    let folder = folder(scheme);
    let faults = folder.faults("[providers]\nfolder = \"providers\"\n");
    assert!(
        faults.len() == 1 && faults[0].contains(expected),
        "of {scheme}: {faults:#?}"
    );
}

#[test]
fn recipe_that_cannot_work_is_a_fault_of_its_own_line() {
    let at = |line: u32, key: &str| format!("provider.toml:{line}: scheme.hmac{key}: ");
    let signed = |text: &str| hmac(&format!("signed = {text}"));
    check(
        &signed("\"{urls}{body}\""),
        &(at(11, ".signed") + "`{urls}{body}` is not a valid template: `{urls}` is not known"),
    );
    check(
        &signed("\"{timestamp}{body}\""),
        &(at(11, ".signed") + "contains `{timestamp}`, and the recipe does not say where"),
    );
    check(
        &signed("\"{url}\""),
        &(at(11, ".signed") + "does not cover the body"),
    );
    check(
        &signed("[\"{body}\", \"{method}\"]"),
        &(at(11, ".signed") + "does not cover the body"),
    );
    check(&hmac(""), &(at(7, "") + "`signed` is missing"));
    check(
        &hmac("signed = \"{body}\"\ncovers = [\"/a\"]"),
        &(at(12, ".covers") + "has no effect"),
    );
    check(
        &hmac("signed = \"{json:/a}\"\ncovers = [\"/b\"]"),
        &(at(12, ".covers") + "contains `/b`, which `signed` does not contain"),
    );
    check(
        &hmac("signed = \"{body}\"\nid = \"{header:a}{header:b}\""),
        &(at(12, ".id") + "must be one place"),
    );
    check(
        &hmac("signed = \"{body}\"\nid = { header = \"a\", separator = \";\" }"),
        "applies only to `pair`",
    );
    check(
        &hmac("signed = \"{body}\"\nid = { header = \"a\", query = \"b\" }"),
        "must contain exactly one of `header",
    );
    check(
        &hmac("signed = \"{body}\"\ntimestamp = { json = \"/t\", format = \"iso\" }"),
        "choose one of unix-seconds, unix-millis, rfc3339",
    );
}

#[test]
fn source_without_what_the_recipe_needs_is_a_fault() {
    let secrets = "secrets = [{ file = \"token.secret\" }]";
    let url = folder(&hmac("signed = \"{url}{setting:webhook_id}{body}\""));
    assert_eq!(
        faults(&url, secrets),
        [
            "hookyard.toml:3: x: `public_url` is missing: the URL that is registered at the sender, \
             which the sender signs, such as \"https://hooks.example.com/acme/shop\"",
            "hookyard.toml:3: x: the provider needs the setting `webhook_id`; write settings = { \
             webhook_id = \"…\" }",
        ]
    );
    let lines = format!(
        "{secrets}\npublic_url = \"https://a.example/x\"\nsettings = {{ webhook_id = \"1\" }}"
    );
    assert_eq!(faults(&url, &lines), [""; 0]);
    let only_setting = format!("{secrets}\nsettings = {{ webhook_id = \"1\" }}");
    assert_eq!(faults(&url, &only_setting).len(), 1);
    let wrong =
        format!("{secrets}\npublic_url = \"a.example\"\nsettings = {{ webhook_id = \"1\" }}");
    assert_eq!(
        faults(&url, &wrong),
        [
            "hookyard.toml:6: x.public_url: `a.example` is not a public URL: begin with `https://` or `http://`"
        ]
    );
    let more = lines.replace("webhook_id =", "typo = \"2\", webhook_id =");
    assert_eq!(
        faults(&url, &more),
        ["hookyard.toml:3: x: settings.typo has no effect; remove it"]
    );
}

#[test]
fn unsigned_body_is_the_operators_decision() {
    let secrets = "secrets = [{ file = \"token.secret\" }]";
    let unsigned = folder(&hmac("signed = \"{header:x-token}\"\ncovers = []"));
    let found = faults(&unsigned, secrets);
    assert!(
        found.len() == 1 && found[0].contains("`unsigned_body` is missing"),
        "{found:#?}"
    );
    let accepted = format!("{secrets}\nunsigned_body = true");
    assert_eq!(faults(&unsigned, &accepted), [""; 0]);

    let signed = folder(&hmac("signed = \"{body}\""));
    let found = faults(&signed, &accepted);
    assert!(
        found.len() == 1 && found[0].contains("unsigned_body has no effect"),
        "{found:#?}"
    );
}

#[test]
fn public_key_recipe_reads_keys() {
    let recipe = |alg: &str| {
        folder(&format!(
            "default = \"public-key\"\n[scheme.public-key]\nalg = \"{alg}\"\nencoding = \"hex\"\n\
             signature = \"{{header:X-Signature}}\"\nsigned = \"{{body}}\""
        ))
    };
    let keys = "keys = [{ file = \"sender.key\" }]";
    assert_eq!(faults(&recipe("ed25519"), keys), [""; 0]);
    let found = faults(&recipe("ecdsa-p256-sha256"), keys);
    assert!(
        found.len() == 1 && found[0].contains("it is not a key for ecdsa-p256-sha256"),
        "{found:#?}"
    );
    let found = faults(&recipe("ed25519\"\nform = \"raw"), keys);
    assert!(
        found
            .iter()
            .any(|fault| fault.contains("applies only to ECDSA")),
        "{found:#?}"
    );
    let found = faults(&recipe("ed25519"), "secrets = [{ env = \"SECRET\" }]");
    assert!(
        found
            .iter()
            .any(|fault| fault.contains("does not apply to the scheme public-key")),
        "{found:#?}"
    );
}

#[test]
fn skipped_key_of_a_set_is_a_note() {
    let folder = folder(
        "default = \"public-key\"\n[scheme.public-key]\nalg = \"ed25519\"\nencoding = \"hex\"\n\
         signature = { header = \"X-Signature\" }\nsigned = \"{body}\"",
    );
    let key = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let set = format!(
        r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{key}"}},{{"kty":"OKP","crv":"X25519","x":"{key}","kid":"other"}}]}}"#
    );
    fs::write(folder.0.path().join("sender.key"), set).expect("written");
    let text = "[providers]\nfolder = \"providers\"\n".to_owned()
        + &source("provider = \"shop\"\nkeys = [{ file = \"sender.key\" }]");
    let reading = folder.read(&text);
    let notes: Vec<_> = reading.notes.iter().map(ToString::to_string).collect();
    assert!(reading.result.is_ok());
    assert!(
        notes
            .iter()
            .any(|note| note.contains("has a key that is skipped: key \"other\"")),
        "{notes:#?}"
    );
}

#[test]
fn token_is_read_at_any_place() {
    for place in [
        "{ header = \"X-Token\" }",
        "\"{query:code}\"",
        "{ json = \"/value/*/clientState\" }",
    ] {
        let folder = folder(&format!(
            "default = \"token\"\n[scheme.token]\nfrom = {place}"
        ));
        assert_eq!(
            faults(&folder, "secrets = [{ file = \"token.secret\" }]"),
            [""; 0],
            "{place}"
        );
    }
    check("default = \"token\"\n[scheme.token]", "`from` is missing");
}

#[test]
fn missing_table_of_a_scheme_is_named() {
    let folder = folder("default = \"hmac\"");
    let found = faults(&folder, "secrets = [{ file = \"token.secret\" }]");
    assert!(
        found[0].contains("add [scheme.hmac] to its provider.toml"),
        "{found:#?}"
    );
}
