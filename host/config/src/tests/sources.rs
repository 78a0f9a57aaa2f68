//! The tables of sources.

use std::time::Duration;

use super::support::{Folder, check, source};

#[test]
fn sources_inherit_the_host_retries() {
    let folder = Folder::new();
    let settings = folder.settings(
        r#"
        [ingress]
        listen = "127.0.0.1:0"
        body_max = "64KiB"
        [store]
        url = "sqlite:data/hookyard.db"
        [plugins]
        folder = "plugins"
        [retry]
        attempts_max = 3
        [tenants.acme.sources.payments]
        provider = "topper"
        keys = [{ file = "topper.jwk" }]
        [tenants.acme.sources.orders]
        provider = "topi"
        secrets = [{ env = "SECRET" }, { file = "topi.secret" }]
        retry = { delay_first = "1s" }
        "#,
    );
    assert_eq!(settings.ingress.body_max, 64 << 10);
    assert_eq!(settings.store.url, folder.0.path().join("data/hookyard.db"));
    assert_eq!(settings.plugins.folder, folder.0.path().join("plugins"));
    let sources: Vec<_> = settings
        .sources
        .iter()
        .map(|(name, source)| (name.to_string(), source))
        .collect();
    assert_eq!(
        sources
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["acme/orders", "acme/payments"]
    );
    assert_eq!(
        sources[0].1.retry.attempts_max, 3,
        "inherited from the host"
    );
    assert_eq!(sources[0].1.retry.delay_first, Duration::from_secs(1));
    assert_eq!(sources[1].1.retry, settings.retry);
}

#[test]
fn keys_of_other_schemes_are_refused() {
    let at = |line: u32, key: &str, what: &str| {
        format!("hookyard.toml:{line}: tenants.acme.sources.x{key}: {what}")
    };
    check(
        &source("provider = \"topper\"\nkeys = [{ file = \"topper.jwk\" }]\ntopics = [\"a\"]"),
        &at(
            4,
            ".topics",
            "does not apply to the scheme jws-detached; remove it, or choose another scheme",
        ),
    );
    check(
        &source("provider = \"topper\"\nscheme = \"basic\""),
        &at(
            3,
            ".scheme",
            "topper does not use this scheme (it uses jws-detached)",
        ),
    );
    check(
        &source("provider = \"topper\"\nscheme = \"jws-detatched\""),
        &at(
            3,
            ".scheme",
            "unknown scheme `jws-detatched`; did you mean `jws-detached`? (it uses jws-detached)",
        ),
    );
    check(
        &source("provider = \"tiper\""),
        &at(
            2,
            ".provider",
            "unknown provider `tiper`; did you mean `tipser`? (docs/senders.md lists the built-in ones)",
        ),
    );
    check(
        &source("secrets = [{ env = \"SECRET\" }]"),
        &at(
            1,
            "",
            "`provider` is missing: the provider that sends to the source; docs/senders.md lists the built-in ones",
        ),
    );
}

#[test]
fn source_without_proof_is_refused() {
    for provider in ["topi", "topper", "topi-saas", "tipser"] {
        let faults = Folder::new().faults(&source(&format!("provider = \"{provider}\"")));
        let key = [
            "`secrets` is missing",
            "`keys` is missing",
            "`topics` is missing",
        ];
        assert!(
            faults.len() == 1 && key.iter().any(|key| faults[0].contains(key)),
            "{provider}: {faults:?}"
        );
        let settings = Folder::new().settings(&source(&format!(
            "provider = \"{provider}\"\nscheme = \"unverified\""
        )));
        assert!(
            settings
                .sources
                .values()
                .all(|source| source.verifier.is_unverified())
        );
    }
}

#[test]
fn missing_key_is_reported_once() {
    let fault = |line: u32, key: &str, what: &str| {
        format!("hookyard.toml:{line}: tenants.acme.sources.x{key}: {what}")
    };
    let secrets = "the secret that both sides sign with, as secrets = [{ env = \"NAME\" }] or [{ file = \"path\" }]";
    let missing = format!("`secrets` is missing: {secrets}");
    check(&source("provider = \"topi\""), &fault(1, "", &missing));
    check(
        &source("provider = \"topi\"\ntolerance = \"1m\""),
        &fault(1, "", &missing),
    );
    check(
        &source("provider = \"topi\"\nsecrets = []"),
        &fault(3, ".secrets", &format!("is empty; add {secrets}")),
    );
    let keys = "the sender's public JSON Web Keys, as keys = [{ env = \"NAME\" }] or [{ file = \"path\" }]";
    let jws = "provider = \"topper\"\nalgorithm = \"ES256\"";
    check(
        &source(jws),
        &fault(1, "", &format!("`keys` is missing: {keys}")),
    );
    // A misspelled key is not reported as missing as well.
    check(
        &source("provider = \"topi\"\nsecret = [{ env = \"SECRET\" }]"),
        &fault(3, ".secret", "unknown key; did you mean `secrets`?"),
    );
    check(
        &source("provder = \"topi\""),
        &fault(2, ".provder", "unknown key; did you mean `provider`?"),
    );
    let basic = Folder::new().faults(&source("provider = \"topi-saas\"\nscheme = \"basic\""));
    assert!(
        basic.len() == 2 && basic[0].contains("`secrets`") && basic[1].contains("`username`"),
        "{basic:?}"
    );
}

#[test]
fn sns_urls_can_be_replaced() {
    let topics = "topics = [\"arn:aws:sns:eu-west-1:123456789012:products\"]";
    let read = |lines: &str| {
        let settings = Folder::new().settings(&source(&format!(
            "provider = \"tipser\"\n{topics}\n{lines}"
        )));
        let source = settings.sources.into_values().next().expect("a source");
        (source.allow_http, source.verifier.takes_tail())
    };
    assert_eq!(read(""), (false, false));
    assert_eq!(
        read("certificate_url = \"http://127.0.0.1:4566/\""),
        (true, false)
    );
    assert_eq!(
        read("confirm_url = \"https://sns.example/\""),
        (false, false)
    );
    assert_eq!(
        read("delivery = \"raw\"\nsecrets = [{ env = \"SECRET\" }]"),
        (false, true)
    );
    assert_eq!(
        read("delivery = \"raw\"\nusername = \"aws\"\nsecrets = [{ env = \"SECRET\" }]"),
        (false, false)
    );
}

#[test]
fn source_answer_precedes_the_provider() {
    let folder = Folder::new();
    let provider = "name = \"own\"\npackage = \"own:webhooks\"\nkey = { json = \"/id\" }\n\
                    type = { json = \"/type\" }\nscheme = { allowed = [\"bearer\"] }\nanswer = { status = 204 }";
    folder.write("providers/own/provider.toml", provider);
    let status = |lines: &str| {
        let source = source(&format!("scheme = \"unverified\"\n{lines}"));
        let text = format!("[providers]\nfolder = \"providers\"\n{source}");
        let settings = folder.settings(&text);
        let source = settings.sources.values().next().expect("a source");
        source.answer.as_ref().map(|answer| answer.status())
    };
    assert_eq!(status("provider = \"own\""), Some(204));
    assert_eq!(
        status("provider = \"own\"\nanswer = { status = 202 }"),
        Some(202)
    );
    assert_eq!(status("provider = \"topi\""), None);
    check(
        &source("provider = \"topi\"\nscheme = \"unverified\"\nanswer = { status = 404 }"),
        "hookyard.toml:4: tenants.acme.sources.x.answer.status: the answer cannot be sent: the status 404 \
         tells the sender that the request failed; use 200 to 299",
    );
}
