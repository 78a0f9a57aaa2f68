//! The operator's provider folders.

use super::support::{Folder, source};

#[test]
fn providers_with_one_package_are_refused() {
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
        "the provider replaces the built-in one"
    );
    let fault = |name: &str, package: &str, other: &str| {
        format!(
            "providers/{name}/provider.toml: package: `{package}` is also the package of the \
             provider {other}, and plugins identify providers by their package; give each \
             provider its own package"
        )
    };
    assert_eq!(
        provider("topi-test", "topi:webhooks"),
        [fault("topi-test", "topi:webhooks", "topi")]
    );
    assert_eq!(provider("topi-test", "one:events"), [""; 0]);
    let both = [
        fault("another", "one:events", "topi-test"),
        fault("topi-test", "one:events", "another"),
    ];
    assert_eq!(provider("another", "one:events"), both);
}

#[test]
fn operators_add_provider_folders() {
    let folder = Folder::new();
    folder.write(
        "providers/forge/provider.toml",
        r#"
        name = "forge"
        package = "forge:webhooks"
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
        + &source("provider = \"forge\"\nsecrets = [{ env = \"SECRET\" }]");
    let settings = folder.settings(&text);
    for name in ["forge", "github", "topi"] {
        assert!(settings.providers.contains_key(name), "{name}");
    }
    assert_eq!(settings.sources.len(), 1);
    folder.write(
        "providers/forge/provider.toml",
        "name = \"gitlab\"\npackage = \"forge\"\nkey = { json = \"id\" }\n",
    );
    let faults = folder.faults("[providers]\nfolder = \"providers\"\n");
    assert_eq!(
        faults,
        [
            "providers/forge/provider.toml:1: `scheme` is missing: how the sender proves its identity",
            "providers/forge/provider.toml:1: `type` is missing: where an event contains its type",
            "providers/forge/provider.toml:1: name: differs from the name of the folder, `forge`; make them the same",
            "providers/forge/provider.toml:2: package: must be a namespace and a name without a version, such as \"topper:webhooks\"",
            "providers/forge/provider.toml:3: key.json: `id` is not a JSON pointer; start with `/`, and write `~1` for `/` and `~0` for `~` within a name",
        ]
    );
}
