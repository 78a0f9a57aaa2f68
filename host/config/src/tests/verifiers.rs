//! Providers whose requests a component verifies.

use super::support::{Folder, source};

/// Returns a folder with a verifier whose provider has these lines, and a configuration that uses it.
fn folder(lines: &str) -> (Folder, String) {
    let folder = Folder::new();
    let provider = format!(
        "name = \"odd\"\npackage = \"odd:webhooks\"\nkey = \"none\"\ntype = \"none\"\n\
         scheme = {{ default = \"verifier\", verifier = {{ component = \"odd.wasm\", {lines} }} }}\n"
    );
    folder.write("providers/odd/provider.toml", &provider);
    folder.write("providers/odd/odd.wasm", "loaded later");
    let source = source("provider = \"odd\"\nsecrets = [{ env = \"SECRET\" }]");
    let text = format!("[providers]\nfolder = \"providers\"\n{source}");
    (folder, text)
}

#[test]
fn headers_with_a_credential_are_named() {
    let (with, text) = folder("credential_headers = [\"X-Api-Key\"]");
    let settings = with.settings(&text);
    let source = settings.sources.values().next().expect("a source");
    let headers = source.verifier.credential_headers();
    assert!(headers.contains(&"x-api-key".to_owned()), "{headers:?}");

    let (with, text) = folder("credential_headers = [\"X Api Key\"]");
    let expected = "providers/odd/provider.toml:5: scheme.verifier.credential_headers[0]:";
    let faults = with.faults(&text);
    assert!(
        faults.iter().any(|fault| fault.starts_with(expected)),
        "{faults:?}"
    );
}
