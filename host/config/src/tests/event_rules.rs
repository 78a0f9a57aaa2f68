//! `key` and `type` in provider.toml: which event a request is.

use hookyard_schemes::{KeyRule, Provider, TypeRule};

use super::support::Folder;
use crate::Reading;

/// Reads a provider with these lines after its name and package.
fn read(lines: &str) -> (Folder, Reading) {
    let folder = Folder::new();
    let text = format!(
        "name = \"shop\"\npackage = \"shop:webhooks\"\n{lines}\nscheme = {{ default = \"bearer\" }}"
    );
    folder.write("providers/shop/provider.toml", &text);
    let reading = folder.read("[providers]\nfolder = \"providers\"\n");
    (folder, reading)
}

fn provider(lines: &str) -> Provider {
    let (_folder, reading) = read(lines);
    let settings = reading.result.unwrap_or_else(|faults| panic!("{faults}"));
    Provider::clone(&settings.providers["shop"])
}

/// Checks the only fault of a provider.
#[track_caller]
fn check_fault(lines: &str, expected: &str) {
    let (_folder, reading) = read(lines);
    let faults = reading.result.expect_err("a fault").to_string();
    assert!(faults.ends_with(expected), "{lines}: {faults}");
    assert_eq!(faults.lines().count(), 1, "{faults}");
}

#[test]
fn key_is_a_text_a_place_or_a_list() {
    let count = |key: &str| {
        let lines = format!("key = {key}\ntype = \"none\"");
        provider(&lines).key.alternatives().len()
    };
    for (key, expected) in [
        ("\"{json:/data/envelopeId}:{json:/event}\"", 1),
        ("{ json = \"/id\" }", 1),
        ("{ header = \"X-Signature\", pair = \"id\" }", 1),
        ("[\"{scheme-id}\", \"{header:x-amz-sns-message-id}\"]", 2),
        ("[{ query = \"id\" }, \"{form:Id}\", \"{body-sha256}\"]", 3),
        ("\"none\"", 0),
    ] {
        assert_eq!(count(key), expected, "{key}");
    }
    assert_eq!(
        provider("key = \"none\"\ntype = \"none\"").key,
        KeyRule::None
    );
}

#[test]
fn type_is_a_text_a_place_a_list_or_rules() {
    let rule =
        |event_type: &str| provider(&format!("key = \"none\"\ntype = {event_type}")).event_type;
    assert_eq!(rule("\"none\""), TypeRule::None);
    let github = rule("[\"{header:X-GitHub-Event}.{json:/action}\", \"{header:X-GitHub-Event}\"]");
    assert_eq!(github.header(), Some("x-github-event"));
    assert_eq!(rule("{ json = \"/type\" }"), rule("\"{json:/type}\""));
    let rules =
        rule("{ rules = [{ any = [\"/a\"], none = [\"\"], is = \"offer.{json:/status}\" }] }");
    assert!(matches!(rules, TypeRule::Shapes(shapes) if shapes.len() == 1));
}

#[test]
fn earlier_forms_are_refused_with_the_new_form() {
    for (key, new) in [
        ("{ scheme-id = true }", "\"{scheme-id}\""),
        (
            "{ scheme-id = true, header = \"x-id\" }",
            "[\"{scheme-id}\", \"{header:x-id}\"]",
        ),
        (
            "{ header = \"x-id\", json = \"/id\" }",
            "[\"{header:x-id}\", \"{json:/id}\"]",
        ),
        (
            "{ json = \"/id\", otherwise = \"body-sha256\" }",
            "[\"{json:/id}\", \"{body-sha256}\"]",
        ),
    ] {
        check_fault(
            &format!("key = {key}\ntype = \"none\""),
            &format!(":3: key: has the form of an earlier version; write key = {new}"),
        );
    }
    check_fault(
        "key = \"none\"\ntype = { rules = [{ is = \"a.{/status}\" }] }",
        "`{/status}` is now written `{json:/status}`",
    );
}

#[test]
fn senseless_key_is_refused() {
    for (key, fault) in [
        (
            "\"fixed\"",
            "contains no value of the request, so that all events",
        ),
        ("[]", "is empty; write \"{json:/id}\", or \"none\""),
        ("7", "must be a list in square brackets, not a number"),
        ("\"{json:id}\"", "is not a JSON pointer"),
    ] {
        let (_folder, reading) = read(&format!("key = {key}\ntype = \"none\""));
        let faults = reading.result.expect_err("a fault").to_string();
        assert!(faults.contains(fault), "{key}: {faults}");
    }
}

#[test]
fn adjacent_values_of_a_key_are_noted() {
    let notes = |key: &str| {
        let (_folder, reading) = read(&format!("key = {key}\ntype = \"none\""));
        let notes = reading.notes.into_iter();
        notes
            .filter(|note| note.path.starts_with("key"))
            .map(|note| (note.line, note.message))
            .collect::<Vec<_>>()
    };
    let found = notes("[\"{json:/a}\",\n\"{json:/a}{json:/b}\"]");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, Some(4));
    assert!(found[0].1.contains("without a separator"), "{found:?}");
    assert_eq!(notes("\"{json:/a}:{json:/b}\""), []);
}
