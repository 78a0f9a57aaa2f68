//! Two descriptions of one sender, one after the other.

use super::super::{Imported, Options, Request, Source, import};
use crate::diff;
use crate::document::Document;
use crate::fields::FieldRule;
use crate::lock::Lock;

/// A description of one event with these properties. Some of them are required.
fn paid(required: &str, properties: &str) -> String {
    format!(
        r#"{{"openapi":"3.1.0","info":{{"title":"Shop","version":"1"}},"webhooks":{{"order.paid":{}}}}}"#,
        webhook("order.paid", required, properties)
    )
}

fn webhook(event_type: &str, required: &str, properties: &str) -> String {
    let kind = format!(r#""type":{{"const":"{event_type}"}}"#);
    let schema = format!(
        r#"{{"type":"object","required":["type"{required}],"properties":{{{kind}{properties}}}}}"#
    );
    format!(
        r#"{{"post":{{"requestBody":{{"content":{{"application/json":{{"schema":{schema}}}}}}}}}}}"#
    )
}

fn request(document: &str, previous: Option<&Imported>) -> Request {
    let document = Document::read_json("shop.json", document.as_bytes()).expect("a document");
    Request {
        name: "shop".into(),
        source: Source::Document(Box::new(document)),
        options: Options::default(),
        bodies: Vec::new(),
        kept: Vec::new(),
        previous: previous.map(|imported| imported.lock.clone()),
        keep: diff::Options::default(),
    }
}

fn first(document: &str) -> Imported {
    import(&request(document, None)).expect("an import")
}

fn again(document: &str, previous: &Imported) -> Imported {
    import(&request(document, Some(previous))).expect("an import")
}

fn marks(imported: &Imported) -> Vec<String> {
    let mark = |change: &diff::Change| {
        let mark = change.what.class().mark();
        format!("{mark} {} {}", change.case, change.path)
    };
    imported.changes.iter().map(mark).collect()
}

/// Returns the lines of a path in the lock.
fn line(lock: &Lock, path: &str) -> Option<String> {
    let locked = lock.events["order-paid"].paths.get(path)?;
    Some(locked.to_string())
}

#[test]
fn same_description_changes_nothing() {
    let text = paid(
        r#","id""#,
        r#","id":{"type":"string"},"n":{"type":"integer"}"#,
    );
    let old = first(&text);
    let new = again(&text, &old);
    assert!(new.changes.is_empty(), "{:?}", new.changes);
    assert_eq!(new.wit, old.wit);
    assert_eq!(new.lock, old.lock);
    assert_eq!(new.lock.package, "1.0.0");
}

#[test]
fn new_required_field_is_an_option_for_stored_events() {
    let old = first(&paid(r#","id""#, r#","id":{"type":"string"}"#));
    let text = paid(
        r#","id","at""#,
        r#","id":{"type":"string"},"at":{"type":"string"}"#,
    );
    let new = again(&text, &old);
    assert_eq!(marks(&new), ["+ order-paid /at"]);
    assert_eq!(line(&new.lock, "/at").as_deref(), Some("option string"));
    assert_eq!(new.lock.package, "1.1.0");
    assert!(
        new.wit.contains("package shop:webhooks@1.1.0;"),
        "{}",
        new.wit
    );

    let mut tight = request(&text, Some(&old));
    tight.keep.tighten = true;
    let tight = import(&tight).expect("an import");
    assert_eq!(line(&tight.lock, "/at").as_deref(), Some("string"));
}

#[test]
fn removed_field_stays_until_pruned() {
    let address =
        r#","to":{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}"#;
    let old = first(&paid(r#","to""#, address));
    let text = paid("", "");
    let new = again(&text, &old);
    assert_eq!(marks(&new), ["! order-paid /to"]);
    assert_eq!(line(&new.lock, "/to").as_deref(), Some("option record"));
    assert_eq!(line(&new.lock, "/to/city").as_deref(), Some("string"));
    assert_eq!(new.lock.package, "2.0.0");
    assert!(
        new.wit.contains("Not in the description anymore."),
        "{}",
        new.wit
    );
    let body = r#"{"type":"order.paid"}"#;
    assert!(old.decoder.check(0, "body", body).is_err());
    assert!(new.decoder.check(0, "body", body).is_ok());

    let third = again(&text, &new);
    assert_eq!(marks(&third), ["~ order-paid /to"]);
    assert_eq!(third.wit, new.wit);

    let mut pruned = request(&text, Some(&new));
    pruned.keep.prune = true;
    let pruned = import(&pruned).expect("an import");
    assert_eq!(line(&pruned.lock, "/to"), None);
}

#[test]
fn values_and_wide_numbers_stay() {
    let properties = |n: &str, values: &str| {
        format!(
            r#","n":{{"type":"integer"{n}}},"state":{{"type":"string","enum":[{values}]}},
               "lines":{{"type":"array","items":{{"type":"integer"{n}}}}}"#
        )
    };
    let old = first(&paid("", &properties("", r#""open","shut""#)));
    let text = paid("", &properties(r#","format":"int32""#, r#""open","new""#));
    let new = again(&text, &old);
    assert_eq!(
        marks(&new),
        [
            "~ order-paid /lines/*",
            "~ order-paid /n",
            "+ order-paid /state"
        ]
    );
    assert_eq!(line(&new.lock, "/n").as_deref(), Some("option s64"));
    assert_eq!(line(&new.lock, "/lines/*").as_deref(), Some("s64"));
    assert_eq!(
        line(&new.lock, "/state").as_deref(),
        Some(r#"option variant "new" "open" "shut""#)
    );
}

#[test]
fn event_stays_until_pruned() {
    let both = format!(
        r#"{{"openapi":"3.1.0","info":{{"title":"Shop","version":"1"}},"webhooks":{{"order.paid":{},"order.sent":{}}}}}"#,
        webhook("order.paid", "", ""),
        webhook("order.sent", r#","by""#, r#","by":{"type":"string"}"#)
    );
    let old = first(&both);
    let text = paid("", "");
    let new = again(&text, &old);
    assert_eq!(marks(&new), ["~ order-sent "]);
    assert_eq!(new.lock.events, old.lock.events);
    assert!(new.wit.contains("order-sent(order-sent)"), "{}", new.wit);

    let mut pruned = request(&text, Some(&old));
    pruned.keep.prune = true;
    let pruned = import(&pruned).expect("an import");
    assert_eq!(marks(&pruned), ["~ order-sent "]);
    assert!(!pruned.wit.contains("order-sent"), "{}", pruned.wit);

    let mut fewer = request(&both, Some(&old));
    fewer.options.events = vec!["order.paid".into()];
    let fewer = import(&fewer).expect("an import");
    assert_eq!(
        marks(&fewer),
        [""; 0],
        "an event that is not chosen is not gone"
    );
    assert!(!fewer.wit.contains("order-sent"), "{}", fewer.wit);
}

#[test]
fn options_of_the_operator_are_no_change_of_the_sender() {
    let text = paid(
        r#","id","at""#,
        r#","id":{"type":"string"},"at":{"type":"string"}"#,
    );
    let old = first(&text);
    let mut dropping = request(&text, Some(&old));
    dropping.options.fields = FieldRule::parse("-/at").expect("a rule");
    let dropped = import(&dropping).expect("an import");
    assert_eq!(marks(&dropped), [""; 0]);
    assert_eq!(line(&dropped.lock, "/at"), None);

    let restored = again(&text, &dropped);
    assert_eq!(marks(&restored), ["+ order-paid /at"]);
}
