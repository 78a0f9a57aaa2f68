//! What a configuration comes to, and what is said of a wrong one.

mod destinations;
mod grants;
mod egress;
mod limits;
mod policy;

use std::fs;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

/// An operator's folder with keys, and an environment with one secret.
struct Folder(TempDir);

const JWK: &str = r#"{"kty":"EC","crv":"P-256","alg":"ES256","kid":"k","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.write("topper.jwk", JWK);
        folder.write("topi.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
        folder.write("empty.secret", "\n");
        folder
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn read(&self, text: &str) -> Reading {
        self.write("hookyard.toml", text);
        let variable = |name: &str| {
            (name == "SECRET").then(|| b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_vec())
        };
        read_with(&self.0.path().join("hookyard.toml"), &variable)
    }

    /// The faults, a line each, with paths relative to the folder.
    fn faults(&self, text: &str) -> Vec<String> {
        let prefix = format!("{}/", self.0.path().display());
        match self.read(text).result {
            Ok(_) => Vec::new(),
            Err(faults) => faults
                .to_string()
                .replace(&prefix, "")
                .lines()
                .map(str::to_owned)
                .collect(),
        }
    }

    fn settings(&self, text: &str) -> Settings {
        self.read(text)
            .result
            .unwrap_or_else(|faults| panic!("{faults}"))
    }
}

/// `lines` in the table of a source of acme's.
fn source(lines: &str) -> String {
    format!("[tenants.acme.sources.x]\n{lines}")
}

/// A configuration with a fault, and the one line that is to be said of it.
fn check(text: &str, expected: &str) {
    assert_eq!(Folder::new().faults(text), [expected], "of\n{text}");
}

#[test]
fn the_reference_file_says_the_defaults_and_every_key() {
    let folder = Folder::new();
    let (reference, empty) = (folder.settings(DEFAULT), folder.settings(""));
    assert_eq!(format!("{reference:?}"), format!("{empty:?}"));
    // A source and a destination of each scheme, so that every key is asked for.
    for kind in hookyard_schemes::SchemeKind::ALL {
        let provider = ["topi", "topper", "topi-saas", "tipser"]
            .into_iter()
            .find(|name| {
                let scheme = &reference.providers[*name].scheme;
                scheme.allowed.contains(&kind)
            });
        let lines = format!(
            "provider = \"{}\"\nscheme = \"{kind}\"\ndelivery = \"raw\"",
            provider.unwrap_or("topi")
        );
        folder.faults(&source(&lines));
        let destination = "breaker = {}\nidentity = {}\nsecrets = [{}]";
        folder.faults(&format!(
            "[tenants.acme.destinations.x]\nscheme = \"{kind}\"\n{destination}"
        ));
    }
    folder.faults("[tenants.acme.grants.http.x]");
    // Tables, whose headers are looked for instead, and half of a reference.
    let tables = [
        "ingress",
        "admin",
        "store",
        "plugins",
        "compile",
        "dispatch",
        "delivery",
        "egress",
        "retry",
        "quarantine",
        "retention",
        "providers",
        "tenants",
        "sources",
        "destinations",
        "grants",
        "http",
        "release",
        "rehearsal",
    ];
    let known = crate::document::asked::of("hookyard.toml");
    assert!(known.len() > 45, "the keys are noted: {known:?}");
    for key in known
        .into_iter()
        .filter(|key| !tables.contains(key) && !["limits", "env", "file"].contains(key))
    {
        let is_said = |line: &str| {
            line.split(['#', ' ', '{', ',', '('])
                .any(|word| word == key)
                && line.contains(&format!("{key} = "))
        };
        assert!(
            DEFAULT.lines().any(is_said),
            "the reference file says nothing of {key}"
        );
    }
}

#[test]
fn a_tenant_may_keep_events_longer_or_shorter_than_the_others() {
    let folder = Folder::new();
    let settings = folder.settings(
        "[retention]\nage_max = \"90d\"\nbytes_max = \"1GiB\"\nevery = \"5m\"\nunrouted_max_age = \"30d\"\n\
         [tenants.acme.retention]\nage_max = \"7d\"\nunrouted_max_age = \"1d\"\n\
         [tenants.umbrella.retention]\nage_max = \"unlimited\"\nbytes_max = \"unlimited\"\n\
         [tenants.wayne.sources]",
    );
    let day = Duration::from_secs(86_400);
    let keep_of = |tenant: &str| {
        let keep = settings
            .retention
            .limits
            .limits_of(&tenant.parse().expect("a name"));
        (keep.age_max, keep.bytes_max)
    };
    let unrouted_of = |tenant: &str| {
        settings
            .retention
            .limits
            .limits_of(&tenant.parse().expect("a name"))
            .unrouted_max_age
    };
    assert_eq!(
        (unrouted_of("acme"), unrouted_of("umbrella")),
        (Some(day), Some(30 * day))
    );
    assert_eq!(
        keep_of("acme"),
        (Some(7 * day), Some(1 << 30)),
        "the host's where the tenant says nothing"
    );
    assert_eq!(keep_of("umbrella"), (None, None));
    assert_eq!(keep_of("wayne"), (Some(90 * day), Some(1 << 30)));
    assert_eq!(settings.retention.every, Duration::from_secs(300));
    let unlimited = folder.settings("").retention.limits;
    assert_eq!(
        unlimited,
        hookyard_store::Retention::default(),
        "nothing is taken out unless that is said"
    );
    check(
        "[tenants.acme.retention]\nage = \"7d\"",
        "hookyard.toml:2: tenants.acme.retention.age: unknown key; did you mean `age_max`?",
    );
}

#[test]
fn the_example_of_the_readme_is_ready_for_use() {
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
        "the host's where the source says nothing"
    );
    assert_eq!(sources[0].1.retry.delay_first, Duration::from_secs(1));
    assert_eq!(sources[1].1.retry, settings.retry);
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_file() {
    let folder = Folder::new();
    let faults = folder.faults(include_str!("faults.toml"));
    assert_eq!(
        faults.join("\n") + "\n",
        include_str!("faults.txt"),
        "\n{}",
        faults.join("\n")
    );
}

#[test]
fn broken_syntax_is_told_by_line() {
    let faults = Folder::new().faults("[ingress]\nlisten = \n[inbox\nurl = \"sqlite:a\"\n");
    assert!(faults.len() >= 2, "each place is told: {faults:?}");
    assert!(
        faults[0].starts_with("hookyard.toml:2: ") && faults[1].starts_with("hookyard.toml:3: "),
        "{faults:?}"
    );
}

#[test]
fn a_missing_file_names_the_way_out() {
    let folder = Folder::new();
    let reading = read_with(&folder.0.path().join("none.toml"), &|_| None);
    let faults = reading.result.expect_err("no such file").to_string();
    assert!(
        faults.contains("can't be read") && faults.contains("hookyard config > hookyard.toml"),
        "{faults}"
    );
    assert_eq!(reading.files, [folder.0.path().join("none.toml")].into());
}

#[test]
fn a_secret_is_referred_to_and_never_written_or_repeated() {
    let literal = "hookyard.toml:3: tenants.acme.sources.x.secrets[0]: is written out here, and secrets and keys are \
                   never kept in this file; refer to it by { env = \"NAME\" } or { file = \"path\" }";
    check(
        &source("provider = \"topi\"\nsecrets = [\"whsec_hunter2\"]"),
        literal,
    );
    check(
        &source("provider = \"topi\"\nsecrets = \"whsec_hunter2\""),
        &literal.replace("[0]", ""),
    );
    let secret = |reference: &str| source(&format!("provider = \"topi\"\nsecrets = [{reference}]"));
    let said = |what: &str| format!("hookyard.toml:3: tenants.acme.sources.x.secrets[0]: {what}");
    check(
        &secret("{ env = \"NO_SUCH\" }"),
        &said("the environment variable NO_SUCH is not set"),
    );
    check(
        &secret("{ file = \"empty.secret\" }"),
        &said("refers to something empty; an empty secret would let anybody in"),
    );
    check(
        &secret("{ }"),
        &said("must be either { env = \"NAME\" } or { file = \"path\" }"),
    );
    check(&secret("7"), &said("must be a table, not a number"));
    let faults = Folder::new().faults(&secret("{ file = \"none\" }"));
    assert!(
        faults.len() == 1 && faults[0].contains("none can't be read: No such file"),
        "{faults:?}"
    );
    let shown = format!(
        "{:?}",
        Folder::new().settings(&secret("{ env = \"SECRET\" }"))
    );
    assert!(
        !shown.contains("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "settings that are printed show no secret"
    );
}

#[test]
fn the_files_that_it_names_are_known_even_when_they_are_missing() {
    let folder = Folder::new();
    let reading = folder.read(&source(
        "provider = \"topi\"\nsecrets = [{ file = \"topi.secret\" }, { file = \"new\" }]",
    ));
    assert!(reading.result.is_err());
    assert_eq!(
        reading.files,
        ["hookyard.toml", "topi.secret", "new"]
            .map(|name| folder.0.path().join(name))
            .into()
    );
}

#[test]
fn a_scheme_takes_its_own_keys_only() {
    let at = |line: u32, key: &str, what: &str| {
        format!("hookyard.toml:{line}: tenants.acme.sources.x{key}: {what}")
    };
    check(
        &source("provider = \"topper\"\nkeys = [{ file = \"topper.jwk\" }]\ntopics = [\"a\"]"),
        &at(
            4,
            ".topics",
            "has no meaning with the scheme jws-detached; remove it, or choose another scheme",
        ),
    );
    check(
        &source("provider = \"topper\"\nscheme = \"basic\""),
        &at(
            3,
            ".scheme",
            "topper doesn't send that way (it sends by jws-detached)",
        ),
    );
    check(
        &source("provider = \"topper\"\nscheme = \"jws-detatched\""),
        &at(
            3,
            ".scheme",
            "unknown scheme `jws-detatched`; did you mean `jws-detached`? (it sends by jws-detached)",
        ),
    );
    check(
        &source("provider = \"tiper\""),
        &at(
            2,
            ".provider",
            "unknown provider `tiper`; did you mean `tipser`? (there are tipser, topi, topi-saas, topper)",
        ),
    );
    check(
        &source("secrets = [{ env = \"SECRET\" }]"),
        &at(
            1,
            "",
            "`provider` is missing: who sends to it; one of tipser, topi, topi-saas, topper",
        ),
    );
}

#[test]
fn a_source_without_a_proof_is_refused_unless_that_is_said() {
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
fn a_missing_key_is_named_once_and_shown() {
    let said = |line: u32, key: &str, what: &str| {
        format!("hookyard.toml:{line}: tenants.acme.sources.x{key}: {what}")
    };
    let secrets =
        "what both sides sign with, as secrets = [{ env = \"NAME\" }] or [{ file = \"path\" }]";
    let missing = format!("`secrets` is missing: {secrets}");
    check(&source("provider = \"topi\""), &said(1, "", &missing));
    check(
        &source("provider = \"topi\"\ntolerance = \"1m\""),
        &said(1, "", &missing),
    );
    check(
        &source("provider = \"topi\"\nsecrets = []"),
        &said(3, ".secrets", &format!("is empty: name {secrets}")),
    );
    let keys = "the sender's public JSON Web Keys, as keys = [{ env = \"NAME\" }] or [{ file = \"path\" }]";
    let jws = "provider = \"topper\"\nalgorithm = \"ES256\"";
    check(
        &source(jws),
        &said(1, "", &format!("`keys` is missing: {keys}")),
    );
    // What is there under a name that is nearly right isn't missing as well.
    check(
        &source("provider = \"topi\"\nsecret = [{ env = \"SECRET\" }]"),
        &said(3, ".secret", "unknown key; did you mean `secrets`?"),
    );
    check(
        &source("provder = \"topi\""),
        &said(2, ".provder", "unknown key; did you mean `provider`?"),
    );
    let basic = Folder::new().faults(&source("provider = \"topi-saas\"\nscheme = \"basic\""));
    assert!(
        basic.len() == 2 && basic[0].contains("`secrets`") && basic[1].contains("`username`"),
        "{basic:?}"
    );
}

#[test]
fn an_sns_source_can_be_pointed_at_a_stand_in_in_words() {
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
fn two_providers_of_one_package_are_refused() {
    let folder = Folder::new();
    let provider = |name: &str, package: &str| {
        let text = format!(
            "name = \"{name}\"\npackage = \"{package}\"\nkey = {{ json = \"/id\" }}\ntype = {{ json = \"/type\" }}\n\
             scheme = {{ default = \"bearer\" }}"
        );
        folder.write(&format!("providers/{name}/provider.toml"), &text);
        folder.faults("[providers]\nfolder = \"providers\"\n")
    };
    assert_eq!(
        provider("topper", "topper:webhooks"),
        [""; 0],
        "it takes the place of the built-in one"
    );
    let said = |name: &str, package: &str, other: &str| {
        format!(
            "providers/{name}/provider.toml: package: `{package}` is the package of the provider {other} as well, and \
             by packages plugins tell providers apart; give each its own"
        )
    };
    assert_eq!(
        provider("topi-test", "topi:webhooks"),
        [said("topi-test", "topi:webhooks", "topi")]
    );
    assert_eq!(provider("topi-test", "one:events"), [""; 0]);
    let both = [
        said("another", "one:events", "topi-test"),
        said("topi-test", "one:events", "another"),
    ];
    assert_eq!(provider("another", "one:events"), both);
}

#[test]
fn operators_add_providers_as_folders() {
    let folder = Folder::new();
    folder.write(
        "providers/github/provider.toml",
        r#"
        name = "github"
        package = "github:webhooks"
        key = { header = "X-GitHub-Delivery" }
        type = { header = "X-GitHub-Event" }
        [scheme]
        default = "hmac"
        [scheme.hmac]
        hash = "sha256"
        encoding = "hex"
        signature = { header = "X-Hub-Signature-256", after = "sha256=" }
        signed = "{body}"
        [events]
        push = "push"
        "#,
    );
    let text = "[providers]\nfolder = \"providers\"\n".to_owned()
        + &source("provider = \"github\"\nsecrets = [{ env = \"SECRET\" }]");
    let settings = folder.settings(&text);
    assert_eq!(
        settings.providers.keys().collect::<Vec<_>>(),
        ["github", "tipser", "topi", "topi-saas", "topper"]
    );
    assert_eq!(settings.sources.len(), 1);
    folder.write(
        "providers/github/provider.toml",
        "name = \"gitlab\"\npackage = \"github\"\nkey = { json = \"id\" }\n",
    );
    let faults = folder.faults("[providers]\nfolder = \"providers\"\n");
    assert_eq!(
        faults,
        [
            "providers/github/provider.toml:1: `scheme` is missing: how the sender is proven",
            "providers/github/provider.toml:1: `type` is missing: where the sender says what happened",
            "providers/github/provider.toml:1: name: is not the name of its folder, `github`; make them the same",
            "providers/github/provider.toml:2: package: must be a namespace and a name without a version, such as \"topper:webhooks\"",
            "providers/github/provider.toml:3: key.json: `id` is not a JSON pointer; start with `/`, and write `~1` for `/` and `~0` for `~` within a name",
        ]
    );
}
