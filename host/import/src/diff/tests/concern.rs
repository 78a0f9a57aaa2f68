//! Changes as they concern a plugin.

use hookyard_shape::wit::shape_of;
use wit_parser::{Resolve, Type};

use super::*;

/// The `event` variant of a plugin, from the types of its WIT.
fn event(types: &str) -> Shape {
    let mut resolve = Resolve::default();
    let text = format!("package acme:types; interface types {{ {types} }}");
    resolve.push_str("types.wit", &text).expect("a package");
    let named = |name: &str| {
        let found = |ty: &&wit_parser::TypeDef| ty.name.as_deref() == Some(name);
        resolve
            .types
            .iter()
            .find(|(_, ty)| found(ty))
            .expect("the type")
            .0
    };
    shape_of(&resolve, &Type::Id(named("event")), "event").expect("a shape")
}

#[track_caller]
fn check(types: &str, old: &str, new: &str, expected: &[&str]) {
    let (old, new) = (fields(old), fields(new));
    let changes = compare(&old, &new);
    let event = event(types);
    let lines: Vec<String> = concerning(&changes, &new, &event)
        .iter()
        .map(Change::to_string)
        .collect();
    assert_eq!(lines, expected, "{changes:?}");
}

const OLD: &str = r#""/id" string; "/lines" list; "/lines/*" record; "/lines/*/n" s32;
    "/state" variant "open" "shut"; "/at" string"#;
const NEW: &str = r#""/id" s64; "/lines" list; "/lines/*" record; "/lines/*/n" s64;
    "/state" variant "open" "new"; "/by" string"#;

#[test]
fn only_declared_paths_concern_a_plugin() {
    check("variant event { other(string) }", OLD, NEW, &[]);
    check(
        "record paid { x: option<string> } variant event { paid(paid) }",
        OLD,
        NEW,
        &[],
    );
    check(
        "record line { n: s32 } record paid { lines: list<line> } variant event { paid(paid) }",
        OLD,
        NEW,
        &[
            "! paid /lines/*/n: s32 → s64; compiled plugins cannot decode all of them: numbers may \
             be out of the range",
        ],
    );
}

#[test]
fn types_of_the_plugin_count() {
    check(
        "record line { n: s64 } record paid { lines: list<line>, at: option<string> }
         variant event { paid(paid) }",
        OLD,
        NEW,
        &["~ paid /at: not sent anymore; compiled plugins read `none`"],
    );
    check(
        "enum state { open, shut } record paid { state: state } variant event { paid(paid) }",
        OLD,
        NEW,
        &[
            "! paid /state: enum → variant; compiled plugins cannot decode all of them: the enum \
             has no `other`",
        ],
    );
    check(
        "enum state { open, other } record paid { state: state } variant event { paid(paid) }",
        OLD,
        NEW,
        &[
            "+ paid /state: new values \"new\"; compiled plugins receive `other`; not sent anymore: \"shut\"",
        ],
    );
    let optional = (r#""/at" string"#, r#""/at" option string"#);
    check(
        "record paid { at: option<string> } variant event { paid(paid) }",
        optional.0,
        optional.1,
        &[],
    );
}

#[test]
fn new_field_concerns_plugins_that_declared_it_as_another_type() {
    let types = |field: &str| format!("record paid {{ {field} }} variant event {{ paid(paid) }}");
    let (old, new) = (r#""/id" string"#, r#""/id" string; "/by" string"#);
    check(&types("id: string"), old, new, &[]);
    check(&types("by: option<string>"), old, new, &[]);
    check(
        &types("by: option<bool>"),
        old,
        new,
        &[
            "! paid /by: bool → string; compiled plugins cannot decode all of them: the value is \
             of another kind",
        ],
    );
}
