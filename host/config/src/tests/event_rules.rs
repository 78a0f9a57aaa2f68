//! `key` and `type` in provider.toml: which event a request is.

use hookyard_schemes::{KeyRule, Provider, TypeRule};

use super::support::{Folder, source};
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
        let notes = reading.advice.into_iter();
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

#[test]
fn key_that_samples_share_is_noted() {
    let advice = |key: &str| {
        let folder = Folder::new();
        let text = format!(
            "name = \"docs\"\npackage = \"docs:webhooks\"\nkey = {key}\ntype = \"none\"\n\
             scheme = {{ default = \"bearer\" }}"
        );
        folder.write("providers/docs/provider.toml", &text);
        for event in ["sent", "completed"] {
            let body = format!(r#"{{"event":"{event}","data":{{"envelopeId":"7f3d"}}}}"#);
            folder.write(&format!("providers/docs/samples/{event}.json"), &body);
        }
        let advice = folder.read("[providers]\nfolder = \"providers\"\n").advice;
        advice.into_iter().map(|it| it.message).collect::<Vec<_>>()
    };

    let shared = advice("\"{json:/data/envelopeId}\"");
    assert_eq!(shared.len(), 1, "{shared:?}");
    assert!(
        shared[0].contains("samples/completed.json and samples/sent.json"),
        "{shared:?}"
    );
    for key in [
        "\"{json:/data/envelopeId}:{json:/event}\"",
        "\"{scheme-id}\"",
        "\"{header:x-id}\"",
        "\"none\"",
    ] {
        assert_eq!(advice(key), [""; 0], "{key}");
    }
}

#[test]
fn replayable_source_is_noted_at_its_line() {
    let body = "signed = \"{body}\"";
    let dated = "timestamp = { header = \"X-Time\", format = \"unix-seconds\" }\n\
                 signed = \"{timestamp}.{body}\"";
    let with_id = "signed = \"{header:x-delivery}.{body}\"";
    let replayable = "is replayable: the signature of forge has no date";
    let for_a_time = "the signature of forge does not cover the key of an event (the header \
                      `x-delivery`), so that a copy of a request passes as another event until";
    for (key, recipe, expected) in [
        ("\"{header:x-delivery}\"", body, Some(replayable)),
        ("\"none\"", body, Some(replayable)),
        ("\"{json:/id}\"", body, None),
        ("\"{body-sha256}\"", body, None),
        ("[\"{body-sha256}\", \"{header:x-delivery}\"]", body, None),
        ("[\"{json:/id}\", \"{query:id}\"]", body, Some(replayable)),
        ("\"{header:x-delivery}\"", dated, Some(for_a_time)),
        ("\"{header:x-delivery}\"", with_id, None),
    ] {
        let found = forge_advice(key, "\"none\"", &hmac(recipe));
        let Some(expected) = expected else {
            assert_eq!(found, [], "{key} {recipe}");
            continue;
        };
        let [(Some(3), message)] = found.as_slice() else {
            panic!("{key} {recipe}: {found:?}");
        };
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn unsigned_type_is_noted() {
    let key = "\"{json:/id}\"";
    let body = hmac("signed = \"{body}\"");
    let with_type = hmac("signed = \"{header:x-event}.{body}\"");
    let expected =
        "the signature of forge does not cover the type of an event (the header `x-event`)";

    let found = forge_advice(key, "\"{header:x-event}.{json:/action}\"", &body);
    assert!(found[0].1.starts_with(expected), "{found:?}");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(forge_advice(key, "\"{json:/action}\"", &body), []);
    assert_eq!(forge_advice(key, "\"{header:x-event}\"", &with_type), []);
    let bearer = "default = \"bearer\"";
    assert_eq!(forge_advice(key, "\"{header:x-event}\"", bearer), []);
}

#[test]
fn token_in_the_body_is_noted() {
    let advice = |place: &str| {
        let token = format!("default = \"token\"\n[scheme.token]\nfrom = {place}");
        forge_advice("\"{json:/id}\"", "\"none\"", &token)
    };
    let found = advice("{ json = \"/token\" }");
    assert!(
        found.len() == 1 && found[0].1.starts_with("the token of forge is in the body"),
        "{found:?}"
    );
    assert_eq!(advice("{ query = \"token\" }"), []);
}

/// Returns an HMAC scheme with these lines of a recipe.
fn hmac(lines: &str) -> String {
    format!(
        "default = \"hmac\"\n[scheme.hmac]\nhash = \"sha256\"\nencoding = \"hex\"\n\
         signature = {{ header = \"X-Signature\" }}\n{lines}"
    )
}

/// Returns the advice about a source of a provider, with the lines.
fn forge_advice(key: &str, event_type: &str, scheme: &str) -> Vec<(Option<usize>, String)> {
    let folder = Folder::new();
    let text = format!(
        "name = \"forge\"\npackage = \"forge:webhooks\"\nkey = {key}\ntype = {event_type}\n\
         [scheme]\n{scheme}"
    );
    folder.write("providers/forge/provider.toml", &text);
    let source = source("provider = \"forge\"\nsecrets = [{ env = \"SECRET\" }]");
    let reading = folder.read(&format!("[providers]\nfolder = \"providers\"\n{source}"));
    reading.result.unwrap_or_else(|faults| panic!("{faults}"));
    let advice = reading.advice.into_iter();
    advice.map(|it| (it.line, it.message)).collect()
}

#[test]
fn provider_that_replaces_a_built_in_one_is_noted() {
    let folder = Folder::new();
    folder.write(
        "providers/topper/provider.toml",
        "name = \"topper\"\npackage = \"topper:webhooks\"\nkey = \"none\"\ntype = \"none\"\n\
         scheme = { default = \"bearer\" }",
    );
    let advice = folder.read("[providers]\nfolder = \"providers\"\n").advice;
    assert_eq!(advice.len(), 1, "{advice:?}");
    assert!(advice[0].file.ends_with("providers/topper/provider.toml"));
    assert!(
        advice[0]
            .message
            .contains("replaces the built-in provider topper")
    );
}
