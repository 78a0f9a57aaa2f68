//! The tables of destinations.

use hookyard_model::{Header, Timestamp};
use hookyard_schemes::UnsignedMessage;
use hookyard_schemes::{KeyCount, SchemeKind};

use super::support::{Folder, SECRET};
use crate::DEFAULT;
use crate::settings::Destination;

const URL: &str = "url = \"https://partner.example/hooks\"";

/// Returns `lines` in the table of a destination with a URL.
fn destination(lines: &str) -> String {
    format!("[tenants.acme.destinations.x]\n{URL}\n{lines}")
}

fn at(key: &str, what: &str) -> String {
    format!("tenants.acme.destinations.x{key}: {what}")
}

/// Checks that a destination has one fault, and a part of its message.
fn refused(lines: &str, expected: &str) {
    let faults = Folder::new().faults(&destination(lines));
    assert!(
        faults.len() == 1 && faults[0].contains(expected),
        "of {lines}: {faults:#?}"
    );
}

fn read(folder: &Folder, lines: &str) -> Destination {
    let settings = folder.settings(&destination(lines));
    settings
        .destinations
        .into_values()
        .next()
        .expect("a destination")
}

fn sign(destination: &Destination, at: &str) -> Vec<Header> {
    let now = Timestamp::parse_rfc3339(at).expect("a time");
    let outgoing = UnsignedMessage {
        id: "m1",
        body: b"{}",
        now,
        event_type: None,
    };
    destination.delivery.signer.sign(&outgoing).expect("signed")
}

#[test]
fn destination_defaults_match_the_reference() {
    let folder = Folder::new();
    let destination = read(&folder, "secrets = [{ env = \"SECRET\" }]");
    let delivery = &destination.delivery;
    assert!(destination.provider.is_none());
    assert_eq!(delivery.signer.kind(), SchemeKind::StandardWebhooks);
    assert_eq!(
        delivery
            .policy
            .tenant
            .as_ref()
            .map(|tenant| tenant.as_str()),
        Some("acme")
    );
    assert!(delivery.policy.addresses.granted.is_empty() && !delivery.policy.allow_http);
    // The lines of the reference, except for keys without a default and keys of other schemes.
    let others = [
        "url",
        "provider",
        "secrets",
        "keys",
        "header",
        "algorithm",
        "username",
        "hmac",
    ];
    let others = others
        .into_iter()
        .chain(["rate", "addresses", "roots", "identity"]);
    let others: Vec<_> = others.map(|key| format!("{key} = ")).collect();
    let block = DEFAULT
        .split("[tenants.acme.destinations.partner]")
        .nth(1)
        .expect("a destination");
    let lines = block
        .lines()
        .map(|line| line.trim_start_matches(['#', ' ']))
        .take_while(|line| !line.starts_with('['));
    let said: Vec<_> = lines
        .filter(|line| line.contains(" = ") && !others.iter().any(|key| line.starts_with(key)))
        .collect();
    assert_eq!(said.len(), 6, "{said:#?}");
    let same = read(
        &folder,
        &format!("secrets = [{{ env = \"SECRET\" }}]\n{}", said.join("\n")),
    );
    assert_eq!(format!("{:?}", same.delivery), format!("{delivery:?}"));
}

#[test]
fn provider_limits_the_signing_schemes() {
    let folder = Folder::new();
    let kind = |lines: &str| {
        let destination = read(
            &folder,
            &format!("provider = \"topi-saas\"\nsecrets = [{{ env = \"SECRET\" }}]\n{lines}"),
        );
        assert_eq!(
            destination
                .provider
                .as_ref()
                .map(|provider| provider.name.as_str()),
            Some("topi-saas")
        );
        destination.delivery.signer.kind()
    };
    assert_eq!(kind(""), SchemeKind::StandardWebhooks);
    assert_eq!(kind("scheme = \"bearer\""), SchemeKind::Bearer);
    assert_eq!(
        kind("scheme = \"header\"\nheader = \"X-Token\""),
        SchemeKind::Header
    );
    assert_eq!(
        kind("scheme = \"basic\"\nusername = \"acme\""),
        SchemeKind::Basic
    );
    refused(
        "provider = \"topi-saas\"\nscheme = \"hmac\"",
        "topi-saas does not accept this scheme (choose one of standard-webhooks, header, bearer, basic)",
    );
    refused(
        "provider = \"topi-sas\"\nkeys = []",
        "did you mean `topi-saas`?",
    );
    refused(
        "provider = \"tipser\"",
        "`scheme` is missing: how messages are signed; one of basic",
    );
    refused(
        "scheme = \"secret-path\"",
        "a destination does not accept this scheme",
    );
    refused(
        "scheme = \"bearr\"",
        "unknown scheme `bearr`; did you mean `bearer`?",
    );
}

#[test]
fn provider_sending_scheme_overrides_its_scheme() {
    let folder = Folder::new();
    let provider = |sending: &str| {
        format!(
            "name = \"lab\"\npackage = \"lab:webhooks\"\nkey = {{ json = \"/id\" }}\ntype = {{ json = \"/type\" }}\n\
             scheme = {{ default = \"bearer\" }}\n{sending}"
        )
    };
    let kind = || {
        let providers = "[providers]\nfolder = \"providers\"\n";
        let lines = destination("provider = \"lab\"\nsecrets = [{ env = \"SECRET\" }]");
        let settings = folder.settings(&format!("{providers}{lines}"));
        settings
            .destinations
            .into_values()
            .next()
            .expect("a destination")
            .delivery
            .signer
            .kind()
    };
    folder.write("providers/lab/provider.toml", &provider(""));
    assert_eq!(
        kind(),
        SchemeKind::Bearer,
        "by default, the scheme that the provider uses itself"
    );
    folder.write(
        "providers/lab/provider.toml",
        &provider("sending = { default = \"standard-webhooks\" }"),
    );
    assert_eq!(kind(), SchemeKind::StandardWebhooks);
    let recipe = "sending = { default = \"hmac\", hmac = { hash = \"sha256\", encoding = \"hex\", \
                  signature = { header = \"X-Sig\" }, signed = \"{body}\" } }";
    folder.write("providers/lab/provider.toml", &provider(recipe));
    assert_eq!(kind(), SchemeKind::Hmac);
}

#[test]
fn secrets_sign_only_in_their_time() {
    let folder = Folder::new();
    let destination = read(
        &folder,
        "secrets = [{ env = \"SECRET\", until = 2026-12-08T00:00:00Z }, \
         { file = \"topi.secret\", from = \"2026-12-01T01:00:00+01:00\" }]",
    );
    let signatures = |at| {
        let headers = sign(&destination, at);
        let header = headers
            .iter()
            .find(|header| header.name == "webhook-signature")
            .expect("signed");
        String::from_utf8_lossy(&header.value).split(' ').count()
    };
    assert_eq!(signatures("2026-11-30T23:59:59Z"), 1);
    assert_eq!(
        signatures("2026-12-01T00:00:00Z"),
        2,
        "a time may be in any time zone"
    );
    assert_eq!(signatures("2026-12-08T00:00:00Z"), 1);
    let count = destination
        .delivery
        .signer
        .keys_at(Timestamp::from_unix_secs(0));
    assert_eq!(
        count,
        KeyCount {
            live: 1,
            waiting: 1,
            retired: 0
        }
    );
    let with = |window: &str| format!("secrets = [{{ env = \"SECRET\", {window} }}]");
    refused(
        &with("from = \"tomorrow\""),
        "secrets[0].from: must be a time in RFC 3339 format",
    );
    refused(
        &with("untill = \"2026-12-01T00:00:00Z\""),
        "secrets[0].untill: unknown key; did you mean `until`?",
    );
    refused(
        &with("from = \"2026-12-02T00:00:00Z\", until = \"2026-12-01T00:00:00Z\""),
        "`until` is not after its `from`",
    );
    refused(
        "secrets = [\"whsec_hunter2\"]",
        "secrets[0]: must not be written in this file",
    );
}

#[test]
fn destination_recipe_signs_messages() {
    let recipe = "hmac = { hash = \"sha256\", encoding = \"hex\", signature = { header = \"X-Sig\", after = \"sha256=\" }, \
                  signed = \"{body}\" }";
    let lines = format!("scheme = \"hmac\"\nsecrets = [{{ env = \"SECRET\" }}]\n{recipe}");
    let headers = sign(&read(&Folder::new(), &lines), "2026-12-01T00:00:00Z");
    assert!(
        headers
            .iter()
            .any(|header| header.name == "x-sig" && header.value.starts_with(b"sha256=")),
        "{headers:?}"
    );
    refused(
        "scheme = \"hmac\"\nsecrets = [{ env = \"SECRET\" }]",
        "`hmac` is missing: how the signature is computed",
    );
    let twice = lines.replace(
        "signature = {",
        "timestamp = { header = \"X-Sig\" }, signature = {",
    );
    refused(
        &twice.replace("\"{body}\"", "\"{timestamp}{body}\""),
        "this recipe cannot sign",
    );
    refused(
        "scheme = \"bearer\"\nsecrets = [{ env = \"SECRET\" }]\nhmac = {}",
        "does not apply to the scheme bearer",
    );
}

#[test]
fn forbidden_url_is_refused() {
    let with = |url: &str, lines: &str| {
        let text = destination(&format!("secrets = [{{ env = \"SECRET\" }}]\n{lines}"))
            .replace(URL, &format!("url = \"{url}\""));
        Folder::new().faults(&text)
    };
    let refused = |url: &str, expected: &str| {
        let faults = with(url, "");
        assert!(
            faults.len() == 1 && faults[0].contains(&at(".url", expected)),
            "{url}: {faults:?}"
        );
    };
    refused("partner.example", "not an absolute URL");
    refused("https://user@partner.example/", "not an absolute URL");
    refused("http://partner.example/", "is not encrypted");
    refused(
        "https://10.1.2.3/",
        "leads to 10.1.2.3, which is private; if that is intended, allow it with `addresses = [\"10.1.2.3\"]`",
    );
    refused(
        "https://169.254.169.254/",
        "leads to 169.254.169.254, which is where a cloud hands out credentials",
    );
    assert_eq!(
        with(
            "http://127.0.0.1:8/",
            "allow_http = true\naddresses = [\"127.0.0.0/8\"]"
        ),
        [""; 0]
    );
    let missing =
        Folder::new().faults("[tenants.acme.destinations.x]\nsecrets = [{ env = \"SECRET\" }]");
    assert!(
        missing.len() == 1 && missing[0].contains(&at("", "`url` is missing")),
        "{missing:?}"
    );
}

#[test]
fn invalid_destination_keys_are_refused() {
    let secret = "secrets = [{ env = \"SECRET\" }]\n";
    let refused = |lines: &str, expected: &str| refused(&format!("{secret}{lines}"), expected);
    refused("rate = 0", "rate: must be a number above zero");
    refused(
        "rate = \"20\"",
        "rate: must be a number above zero, such as 20 or 0.5, not a string",
    );
    refused(
        "concurrency = 0",
        "concurrency: must be a whole number from 1",
    );
    refused("adresses = []", "did you mean `addresses`?");
    refused("addresses = [\"10.0.0.1/8\"]", "has host bits set");
    refused("breaker = { pauze = \"1s\" }", "did you mean `pause`?");
    refused(
        "identity = { certificate = \"topper.jwk\" }",
        "`key` is missing",
    );
    refused(
        "identity = { certificate = \"topper.jwk\", key = \"topper.jwk\" }",
        "identity: the client certificate cannot",
    );
    refused("roots = [\"topper.jwk\"]", "roots: root certificates no. 1");
    refused(
        "keys = [{ file = \"topi.secret\" }]",
        "shared secrets go under `secrets`",
    );
    refused(
        "header = \"X-A\"",
        "header: does not apply to the scheme standard-webhooks",
    );
    let rate = |lines: &str| {
        read(&Folder::new(), &format!("{secret}{lines}"))
            .delivery
            .rate
    };
    assert_eq!(
        (rate(""), rate("rate = 20"), rate("rate = 0.5")),
        (None, Some(20.0), Some(0.5))
    );
}

#[test]
fn destination_files_are_watched_and_not_printed() {
    let folder = Folder::new();
    let text = destination(
        "secrets = [{ file = \"topi.secret\" }, { file = \"next.secret\" }]\nroots = [\"ca.pem\"]",
    );
    let files = ["hookyard.toml", "topi.secret", "next.secret", "ca.pem"]
        .map(|name| folder.0.path().join(name));
    assert_eq!(folder.read(&text).files, files.into());
    let shown = format!(
        "{:?}",
        read(&folder, "secrets = [{ file = \"topi.secret\" }]")
    );
    assert!(!shown.contains(SECRET), "{shown}");
}
