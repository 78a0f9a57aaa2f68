use super::*;

fn integer(types: &mut Types) -> Use {
    types.of(Form::Integer(Integer::S64))
}

fn text(types: &mut Types, values: &[&str]) -> Use {
    let values = match values {
        [] => Values::Any,
        known => Values::Known(known.iter().map(|it| (*it).to_owned()).collect()),
    };
    types.of(Form::Text(values))
}

fn record(types: &mut Types, fields: &[(&str, Use, bool)]) -> Use {
    let field = |(key, ty, is_required): &(&str, Use, bool)| Field {
        key: (*key).to_owned(),
        ty: *ty,
        is_required: *is_required,
        note: Note::default(),
    };
    types.of(Form::Record(fields.iter().map(field).collect()))
}

fn named(types: &mut Types, used: Use, origin: &str) -> Use {
    types.named(used, origin.into(), Note::default())
}

#[test]
fn equal_types_are_one_and_origins_keep_them_apart() {
    let types = &mut Types::default();
    let id = integer(types);
    let one = record(types, &[("a", id, true)]);
    let same = record(types, &[("a", id, true)]);
    assert_eq!(one, same);

    let (a, b) = (named(types, one, "/a"), named(types, one, "/b"));
    assert_ne!(a, b);
    assert_eq!(named(types, a, "/c"), a, "a name is given once");
}

#[test]
fn union_of_records_requires_what_all_require() {
    let types = &mut Types::default();
    let (number, open, closed) = (
        integer(types),
        text(types, &["open"]),
        text(types, &["closed"]),
    );
    let one = record(
        types,
        &[
            ("id", number, true),
            ("state", open, true),
            ("x", number, true),
        ],
    );
    let another = record(types, &[("id", number, true), ("state", closed, true)]);

    let union = types.either(one, another);

    let state = text(types, &["open", "closed"]);
    let wanted = record(
        types,
        &[
            ("id", number, true),
            ("state", state, true),
            ("x", number, false),
        ],
    );
    assert_eq!(union, wanted);
}

#[test]
fn union_without_a_type_of_its_own_is_text_or_json() {
    let types = &mut Types::default();
    let (number, any_text) = (integer(types), text(types, &[]));
    let object = record(types, &[("a", number, true)]);
    let list = types.of(Form::List(number));
    let form = |types: &mut Types, one, another| {
        let union = types.either(one, another);
        types.form(union).clone()
    };

    assert!(
        matches!(form(types, any_text, object), Form::Opaque(kinds) if kinds.has_text && kinds.has_object)
    );
    assert!(matches!(form(types, object, list), Form::Opaque(kinds) if kinds.has_array));
    assert_eq!(form(types, any_text, number), Form::Any);
    let float = types.of(Form::Number);
    assert_eq!(form(types, number, float), Form::Number);
}

#[test]
fn null_makes_the_rest_of_a_union_nullable() {
    let types = &mut Types::default();
    let number = integer(types);
    let null = types.of(Form::Never).nullable(true);

    for union in [types.either(null, number), types.either(number, null)] {
        assert_eq!(union, number.nullable(true));
    }
}

#[test]
fn intersection_takes_the_type_that_says_more() {
    let types = &mut Types::default();
    let (any, number, any_text) = (types.of(Form::Any), integer(types), text(types, &[]));
    let known = text(types, &["a", "b"]);
    let free = types.of(Form::Opaque(Kinds::object()));
    let one = record(types, &[("a", number, false)]);
    let another = record(types, &[("a", number, true), ("b", known, false)]);

    assert_eq!(types.both(any, number), number);
    assert_eq!(types.both(any_text, known), known);
    assert_eq!(types.both(free, one), one);
    assert_eq!(types.both(one, another), another);
    assert_eq!(types.contradictions, 0);
    let contradiction = types.both(number, known);
    assert_eq!(
        (types.form(contradiction), types.contradictions),
        (&Form::Any, 1)
    );
}

#[test]
fn edit_changes_one_path_and_no_other() {
    let types = &mut Types::default();
    let number = integer(types);
    let inner = record(types, &[("x", number, true)]);
    let outer = record(types, &[("a", inner, true), ("b", inner, true)]);
    let path = ["a", "x"].map(str::to_owned);

    let edited = types.edit(outer, &path, &mut |_, ty, place| {
        if let Form::Record(fields) = &mut ty.form {
            fields.remove(place);
        }
    });

    let empty = record(types, &[]);
    let wanted = record(types, &[("a", empty, true), ("b", inner, true)]);
    assert_eq!(edited, Some(wanted));
    assert_eq!(
        types.edit(outer, &["z".to_owned()], &mut |_, _, _| {}),
        None
    );
}
