//! A second import into the same folder.

use std::path::Path;

use hookyard_import::{Fate, Folder, Imported, import};

use crate::support::request;

const OLD: &str = r#"{ "openapi": "3.1.0", "info": { "version": "1" }, "webhooks": {
    "paid": { "post": { "requestBody": { "content": { "application/json": {
        "schema": { "type": "object", "required": ["id"], "properties": { "id": { "type": "string" } } },
        "example": { "id": "1" } } } } } } } }"#;

/// The same with a new field that is required, and a new event.
const NEW: &str = r#"{ "openapi": "3.1.0", "info": { "version": "2" }, "webhooks": {
    "paid": { "post": { "requestBody": { "content": { "application/json": {
        "schema": { "type": "object", "required": ["total", "id"], "properties": {
            "total": { "type": "number" }, "id": { "type": "string" } } } } } } } },
    "lost": { "post": { "requestBody": { "content": { "application/json": {
        "schema": { "type": "object", "properties": { "id": { "type": "string" } } } } } } } } } }"#;

fn import_into(path: &Path, text: &str) -> (Folder, Imported) {
    let folder = Folder::open(path).unwrap();
    let mut request = request("x.json", text.as_bytes()).unwrap();
    request.previous = folder.lock.clone();
    request.kept = folder.samples.clone();
    (folder, import(&request).unwrap())
}

fn write(path: &Path, text: &str) -> Vec<(String, Fate)> {
    let (folder, imported) = import_into(path, text);
    let plan = folder
        .plan(&imported, &folder.options.clone().unwrap_or_default())
        .unwrap();
    folder.write(&plan).unwrap();
    plan.into_iter()
        .map(|file| (file.path, file.fate))
        .collect()
}

fn fate(written: &[(String, Fate)], path: &str) -> Option<Fate> {
    written
        .iter()
        .find(|(written, _)| written == path)
        .map(|(_, fate)| *fate)
}

#[test]
fn same_description_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        write(folder.path(), OLD)
            .iter()
            .all(|(_, fate)| *fate == Fate::New)
    );

    let again = write(folder.path(), OLD);

    assert!(
        again.iter().all(|(_, fate)| *fate == Fate::Kept),
        "{again:?}"
    );
}

#[test]
fn new_required_field_is_an_option_and_edited_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), OLD);
    let provider = folder.path().join("provider.toml");
    std::fs::write(
        &provider,
        "name = \"mine\"\n[events]\n\"paid\" = \"paid\"\n",
    )
    .unwrap();
    let (state, imported) = import_into(folder.path(), NEW);
    assert_eq!(
        state.missing_events(&imported).unwrap(),
        ["\"lost\" = \"lost\""]
    );

    let written = write(folder.path(), NEW);

    assert_eq!(fate(&written, "sender.wit"), Some(Fate::Replaced));
    assert_eq!(fate(&written, "provider.toml"), Some(Fate::Kept));
    let wit = std::fs::read_to_string(folder.path().join("sender.wit")).unwrap();
    assert!(wit.contains("total: option<f64>"), "{wit}");
    assert!(wit.contains("id: string"), "{wit}");
}

#[test]
fn edited_wit_stays_and_the_new_one_is_beside() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), OLD);
    let wit = folder.path().join("sender.wit");
    std::fs::write(&wit, "// mine\n").unwrap();

    let written = write(folder.path(), NEW);

    assert_eq!(fate(&written, "sender.wit"), Some(Fate::Beside));
    assert_eq!(std::fs::read_to_string(&wit).unwrap(), "// mine\n");
    assert!(folder.path().join("sender.wit.new").is_file());
}

#[test]
fn folder_of_another_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();

    let error = Folder::open(folder.path()).err().unwrap().to_string();

    assert!(
        error.ends_with("was not made by import (no import.lock); choose another folder"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    write(folder.path(), OLD);
    let target = outside.path().join("target");
    std::fs::write(&target, "outside").unwrap();
    let wit = folder.path().join("sender.wit");
    std::fs::remove_file(&wit).unwrap();
    std::os::unix::fs::symlink(&target, &wit).unwrap();
    let (state, imported) = import_into(folder.path(), NEW);

    let error = state
        .plan(&imported, &Default::default())
        .unwrap_err()
        .to_string();

    assert!(error.contains("it is not a regular file"), "{error}");
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "outside");
}

#[test]
fn order_of_keys_does_not_show_in_the_lock() {
    let one = r#"{ "openapi": "3.1.0", "webhooks": { "a": { "post": { "requestBody": { "content": { "application/json": {
        "schema": { "type": "object", "required": ["x", "y"], "properties": { "x": { "enum": ["p", "q"] }, "y": {} } } } } } } } } }"#;
    let another = r#"{ "webhooks": { "a": { "post": { "requestBody": { "content": { "application/json": {
        "schema": { "properties": { "y": {}, "x": { "enum": ["q", "p"] } }, "required": ["y", "x"], "type": "object" } } } } } } }, "openapi": "3.1.0" }"#;
    let events = |text| {
        crate::support::imported("x.json", text)
            .unwrap()
            .lock
            .events
    };

    assert_eq!(events(one), events(another));
}
