//! Changes of events and their words. `rows` has the changes of types.

use hookyard_shape::{Plan, Pointer, Shape, Value};

use super::*;

mod concern;
mod keeping;
mod property;
mod rows;

/// A lock of one event with a type and these paths, in the words of the file.
pub(super) fn lock(paths: &str) -> Lock {
    let lines: Vec<&str> = paths.split(';').map(str::trim).collect();
    let text = format!(
        "package 1.4.2\nevent paid \"order.paid\"\n{}",
        lines.join("\n")
    );
    Lock::read(&text).expect("a lock")
}

/// A lock of an event whose body is a record with these fields.
fn fields(paths: &str) -> Lock {
    lock(&format!("\"\" record;{paths}"))
}

fn decode(shape: &Shape, body: &str) -> Result<(), String> {
    let plan = Plan::new(shape, "event.paid").expect("a plan");
    let decoded = plan.decode::<Value>(&Pointer::default(), body, 1000);
    decoded
        .map(|_| ())
        .map_err(|error| format!("{}: {}", error.path, error.message))
}

/// Checks the lines of the changes, and what the old types make of a body of the new description.
#[track_caller]
fn check(old: &str, new: &str, lines: &[&str], body: &str, decoded: Result<(), &str>) {
    let (old, new) = (fields(old), fields(new));
    let changes = compare(&old, &new);
    let written: Vec<String> = changes.iter().map(Change::to_string).collect();
    assert_eq!(written, lines, "{old}{new}");

    let new_shape = new.events["paid"].shape();
    assert_eq!(decode(&new_shape, body), Ok(()), "the body is a new one");
    let old_shape = old.events["paid"].shape();
    assert_eq!(
        decode(&old_shape, body),
        decoded.map_err(str::to_owned),
        "{body}"
    );
    assert_eq!(decoded.is_err(), is_breaking(&changes), "{body}");
}

#[test]
fn events_come_and_go() {
    let body = r#""" record; "/id" string"#;
    let (old, mut new) = (lock(body), lock(body));
    let event = new.events.remove("paid").expect("is there");
    new.events.insert("refunded".into(), event);

    let changes = compare(&old, &new);
    let lines: Vec<String> = changes.iter().map(Change::to_string).collect();
    assert_eq!(
        lines,
        [
            "~ paid: not sent anymore; the case stays until --prune",
            "+ refunded: new event; compiled plugins receive it as `other`",
        ]
    );
    assert!(!is_breaking(&changes));
}

#[test]
fn another_type_of_an_event_breaks() {
    let types = |types: &[&str]| {
        let mut lock = lock(r#""" record"#);
        let event = lock.events.get_mut("paid").expect("is there");
        event.types = types.iter().map(|name| (*name).to_owned()).collect();
        lock
    };
    let one_line = |old: &[&str], new: &[&str]| {
        let changes = compare(&types(old), &types(new));
        assert_eq!(changes.len(), 1);
        changes[0].to_string()
    };
    assert_eq!(
        one_line(&["order.paid"], &["order_paid"]),
        "! paid: sent as \"order_paid\" and not as \"order.paid\"; compiled plugins receive it as \
         `other` until [events] has the line"
    );
    assert_eq!(one_line(&["a"], &["a", "b"]), "+ paid: also sent as \"b\"");
    assert_eq!(
        one_line(&["a", "b\u{202e}"], &["a"]),
        "~ paid: not sent as \"b\\u{202e}\" anymore"
    );
}

#[test]
fn line_of_json_has_the_class() {
    let changes = compare(&fields(r#""/n" s32"#), &fields(r#""/n" bool"#));
    assert_eq!(
        changes[0].to_json().to_string(),
        r#"{"change":"s32 → bool; compiled plugins cannot decode all of them: the value is of another kind","class":"breaking","event":"paid","path":"/n"}"#
    );
}

#[test]
fn version_follows_the_changes() {
    let old = fields(r#""/n" s32"#);
    let next = |package: &str, new: &str| {
        let old = Lock {
            package: package.into(),
            ..old.clone()
        };
        let new = fields(new);
        next_version(&old, &new, &compare(&old, &new))
    };
    for (package, same, additive, breaking) in [
        ("1.4.2", "1.4.2", "1.5.0", "2.0.0"),
        ("0.3.1", "0.3.1", "0.3.2", "0.4.0"),
        ("", "1.0.0", "1.0.0", "1.0.0"),
    ] {
        assert_eq!(next(package, r#""/n" s32"#), same);
        assert_eq!(next(package, r#""/n" s32; "/m" s32"#), additive);
        assert_eq!(next(package, r#""/n" bool"#), breaking);
    }
    assert_eq!(versions_line("2.0.0"), "versions = [\"2\"]");
    assert_eq!(versions_line("0.4.0"), "versions = [\"0.4\"]");
}
