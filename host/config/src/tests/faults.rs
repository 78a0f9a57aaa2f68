//! The faults of wrong configurations.

use super::support::{Folder, SECRET, check, source};
use crate::read_with;

#[test]
fn all_faults_are_reported_at_once() {
    let folder = Folder::new();
    let faults = folder.faults(include_str!("../faults.toml"));
    assert_eq!(
        faults.join("\n") + "\n",
        include_str!("../faults.txt"),
        "\n{}",
        faults.join("\n")
    );
}

#[test]
fn syntax_errors_have_line_numbers() {
    let faults = Folder::new().faults("[ingress]\nlisten = \n[inbox\nurl = \"sqlite:a\"\n");
    assert!(
        faults.len() >= 2,
        "each syntax error has a line: {faults:?}"
    );
    assert!(
        faults[0].starts_with("hookyard.toml:2: ") && faults[1].starts_with("hookyard.toml:3: "),
        "{faults:?}"
    );
}

#[test]
fn missing_configuration_names_the_way_out() {
    let folder = Folder::new();
    let reading = read_with(&folder.0.path().join("none.toml"), &|_| None);
    let faults = reading.result.expect_err("no such file").to_string();
    assert!(
        faults.contains("cannot be read") && faults.contains("hookyard config > hookyard.toml"),
        "{faults}"
    );
    assert_eq!(reading.files, [folder.0.path().join("none.toml")].into());
}

#[test]
fn written_secret_is_refused_and_not_repeated() {
    let literal = "hookyard.toml:3: tenants.acme.sources.x.secrets[0]: must not be written in this \
                   file, because it is a secret or a key; refer to it with { env = \"NAME\" } or { \
                   file = \"path\" }";
    check(
        &source("provider = \"topi\"\nsecrets = [\"whsec_hunter2\"]"),
        literal,
    );
    check(
        &source("provider = \"topi\"\nsecrets = \"whsec_hunter2\""),
        &literal.replace("[0]", ""),
    );
    let secret = |reference: &str| source(&format!("provider = \"topi\"\nsecrets = [{reference}]"));
    let fault = |what: &str| format!("hookyard.toml:3: tenants.acme.sources.x.secrets[0]: {what}");
    check(
        &secret("{ env = \"NO_SUCH\" }"),
        &fault("the environment variable NO_SUCH is not set"),
    );
    check(
        &secret("{ file = \"empty.secret\" }"),
        &fault("refers to an empty value; an empty secret would let anybody in"),
    );
    check(
        &secret("{ }"),
        &fault("must be either { env = \"NAME\" } or { file = \"path\" }"),
    );
    check(&secret("7"), &fault("must be a table, not a number"));
    let faults = Folder::new().faults(&secret("{ file = \"none\" }"));
    assert!(
        faults.len() == 1 && faults[0].contains("none cannot be read: No such file"),
        "{faults:?}"
    );
    let shown = format!(
        "{:?}",
        Folder::new().settings(&secret("{ env = \"SECRET\" }"))
    );
    assert!(
        !shown.contains(SECRET),
        "printed settings contain no secret"
    );
}

#[test]
fn missing_referenced_files_are_watched() {
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
