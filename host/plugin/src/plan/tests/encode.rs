//! Encoding of values as JSON: tables for the rules, and a property: the host decodes an encoded
//! value to the same value.

use std::collections::BTreeMap;

use hookyard_schemes::{NameCase, Spelling};
use proptest::prelude::*;
use wasmtime::component::Val;

use super::{NONE, decode, list, option, record, some, text, variant};
use crate::plan::{EncodeError, Encoding, Pointer, Shape};
use hookyard_shape::arbitrary::{fitting, shapes};

const BYTES_MAX: usize = 1 << 20;

fn spelling() -> Spelling {
    Spelling {
        exceptions: BTreeMap::from([("line1".into(), "line_1".into())]),
        ..Spelling::default()
    }
}

fn encoding(shape: &Shape) -> Encoding {
    Encoding::new(shape, &spelling(), "it").expect("a shape that compiles")
}

/// Encodes a value and compares the JSON, or the path and the message of the error as a text.
#[track_caller]
fn check(shape: &Shape, value: &Val, expected: Result<&str, &str>) {
    let encoded = encoding(shape)
        .encode(value, BYTES_MAX)
        .map(|json| json.get().to_owned())
        .map_err(error_text);
    assert_eq!(
        encoded,
        expected.map(str::to_owned).map_err(str::to_owned),
        "{value:?}"
    );
}

fn error_text(error: EncodeError) -> String {
    match error {
        EncodeError::TooLarge => "too large".to_owned(),
        EncodeError::At { path, message } => format!("{path}: {message}"),
    }
}

fn fields(values: impl IntoIterator<Item = (&'static str, Val)>) -> Val {
    Val::Record(
        values
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn case(name: &str, payload: Option<Val>) -> Val {
    Val::Variant(name.to_owned(), payload.map(Box::new))
}

#[test]
fn scalars_are_encoded() {
    for (shape, value, expected) in [
        (Shape::Bool, Val::Bool(true), Ok("true")),
        (Shape::S64, Val::S64(i64::MIN), Ok("-9223372036854775808")),
        (Shape::U64, Val::U64(u64::MAX), Ok("18446744073709551615")),
        (Shape::U8, Val::U8(7), Ok("7")),
        (Shape::Float32, Val::Float32(0.1), Ok("0.1")),
        (Shape::Float64, Val::Float64(1e300), Ok("1e+300")),
        (
            Shape::Float64,
            Val::Float64(f64::NAN),
            Err("$: it is not a number that JSON can express"),
        ),
        (
            Shape::Float32,
            Val::Float32(f32::NEG_INFINITY),
            Err("$: it is not a number that JSON can express"),
        ),
        (Shape::Char, Val::Char('"'), Ok(r#""\"""#)),
        (
            Shape::String,
            text("ä\n\u{1}</script>"),
            Ok(r#""ä\n\u0001</script>""#),
        ),
        (Shape::String, text(r#"{"a":1}"#), Ok(r#""{\"a\":1}""#)),
        (Shape::U8, text("7"), Err("$: the value is of another type")),
    ] {
        check(&shape, &value, expected);
    }
}

#[test]
fn records_use_receiver_names_without_absent_fields() {
    let address = || {
        record([
            ("line1", Shape::String),
            ("postal-code", option(Shape::String)),
        ])
    };
    let shape = record([("ship-to", address()), ("bill-to", option(address()))]);
    let there = |code| fields([("line1", text("Musterstraße 42")), ("postal-code", code)]);
    check(
        &shape,
        &fields([("ship-to", there(some(text("20095")))), ("bill-to", NONE)]),
        Ok(r#"{"ship_to":{"line_1":"Musterstraße 42","postal_code":"20095"}}"#),
    );
    check(
        &shape,
        &fields([("ship-to", there(NONE)), ("bill-to", some(there(NONE)))]),
        Ok(r#"{"ship_to":{"line_1":"Musterstraße 42"},"bill_to":{"line_1":"Musterstraße 42"}}"#),
    );
}

#[test]
fn containers_are_encoded() {
    let pairs = list(Shape::Tuple(vec![Shape::String, option(Shape::U8)]));
    let map = Shape::Map(Box::new(Shape::U8));
    let pair = |key: &str, value| Val::Tuple(vec![text(key), value]);
    for (shape, value, expected) in [
        (
            &list(option(Shape::U8)),
            Val::List(vec![some(Val::U8(1)), NONE]),
            Ok("[1,null]"),
        ),
        (
            &pairs,
            Val::List(vec![pair("b", some(Val::U8(1))), pair("a", NONE)]),
            Ok(r#"{"b":1,"a":null}"#),
        ),
        (&pairs, Val::List(vec![]), Ok("{}")),
        (
            &pairs,
            Val::List(vec![pair("a", NONE), pair("a", NONE)]),
            Err("$.a: this key occurs twice"),
        ),
        (
            &map,
            Val::Map(vec![(text("a"), Val::U8(1))]),
            Ok(r#"{"a":1}"#),
        ),
        (
            &Shape::Tuple(vec![Shape::U8, Shape::Bool]),
            Val::Tuple(vec![Val::U8(1), Val::Bool(true)]),
            Ok("[1,true]"),
        ),
        (
            &list(record([("amount", Shape::Float64)])),
            Val::List(vec![
                fields([("amount", Val::Float64(0.5))]),
                fields([("amount", Val::Float64(f64::NAN))]),
            ]),
            Err("$[1].amount: it is not a number that JSON can express"),
        ),
    ] {
        check(shape, &value, expected);
    }
}

#[test]
fn case_names_are_the_receivers() {
    let reason = Shape::Enum(vec!["credit-check-failed".into(), "line1".into()]);
    let open = variant([
        ("credit-check-failed", None),
        ("after-days", Some(Shape::U8)),
        ("other", Some(Shape::String)),
    ]);
    let outcome = Shape::Result {
        ok: Some(Box::new(Shape::U8)),
        err: None,
    };
    let flags = Shape::Flags(vec!["by-post".into(), "by-mail".into()]);
    for (shape, value, expected) in [
        (
            &reason,
            Val::Enum("credit-check-failed".into()),
            Ok(r#""credit_check_failed""#),
        ),
        (&reason, Val::Enum("line1".into()), Ok(r#""line_1""#)),
        (
            &open,
            case("credit-check-failed", None),
            Ok(r#""credit_check_failed""#),
        ),
        (
            &open,
            case("after-days", Some(Val::U8(3))),
            Ok(r#"{"after_days":3}"#),
        ),
        (
            &open,
            case("other", Some(text("out_of_stock"))),
            Ok(r#""out_of_stock""#),
        ),
        (
            &open,
            case("other", Some(text("creditCheckFailed"))),
            Err("$: `other` has the name of a case, and would be read as that"),
        ),
        (
            &outcome,
            Val::Result(Ok(Some(Box::new(Val::U8(1))))),
            Ok(r#"{"ok":1}"#),
        ),
        (&outcome, Val::Result(Err(None)), Ok(r#""err""#)),
        (
            &flags,
            Val::Flags(vec!["by-post".into(), "by-mail".into()]),
            Ok(r#"["by_post","by_mail"]"#),
        ),
        (&flags, Val::Flags(vec![]), Ok("[]")),
    ] {
        check(shape, &value, expected);
    }
}

#[test]
fn variant_of_other_alone_is_written_as_json() {
    let json = variant([("other", Some(Shape::String))]);
    for (written, expected) in [
        ("5", Ok("5")),
        (r#""5""#, Ok(r#""5""#)),
        (r#"{"a": 1.50}"#, Ok(r#"{"a": 1.50}"#)),
        ("five", Err("$: the text of `other` is not JSON")),
        ("1 2", Err("$: the text of `other` is not JSON")),
    ] {
        check(&json, &case("other", Some(text(written))), expected);
    }
}

#[test]
fn ambiguous_shape_is_refused_at_load() {
    let refused = |shape: &Shape| {
        let refused = Encoding::new(shape, &spelling(), "it").expect_err("an ambiguous shape");
        (refused.at, refused.reason)
    };
    assert_eq!(
        refused(&record([("a", list(option(option(Shape::U8))))])),
        (
            "it.a[]".into(),
            "it is an option of an option, and JSON has one null".into()
        )
    );
    assert_eq!(
        refused(&record([(
            "a",
            record([("line1", Shape::U8), ("line-1", Shape::U8)])
        )])),
        (
            "it.a".into(),
            "`line_1` and `line_1` are the same name to a receiver; rename one of them".into()
        )
    );
}

#[test]
fn always_present_pointers_are_known() {
    let shape = record([
        ("offer-id", Shape::String),
        ("user", option(record([("id", Shape::U8)]))),
        ("offer", record([("id", Shape::U8)])),
    ]);
    for (pointer, expected) in [
        ("", true),
        ("/offer_id", true),
        ("/offer/id", true),
        ("/offer-id", false),
        ("/user/id", false),
        ("/x", false),
    ] {
        let place = Pointer::parse(pointer).expect("a pointer");
        assert_eq!(
            encoding(&shape).always_has(place.tokens()),
            expected,
            "{pointer}"
        );
    }
}

#[test]
fn encoding_stops_at_the_byte_limit() {
    let (shape, value) = (
        list(Shape::String),
        Val::List(vec![text("a\"b"), text("c")]),
    );
    let whole = encoding(&shape)
        .encode(&value, BYTES_MAX)
        .expect("it fits")
        .get()
        .len();
    assert_eq!(whole, r#"["a\"b","c"]"#.len());
    assert!(encoding(&shape).encode(&value, whole).is_ok());
    for bytes_max in 0..whole {
        let encoded = encoding(&shape).encode(&value, bytes_max);
        assert_eq!(
            encoded
                .map_err(error_text)
                .map(|json| json.get().to_owned()),
            Err("too large".into()),
            "{bytes_max}"
        );
    }
}

/// Returns whether JSON cannot express the value although the shape is valid: a key occurs twice,
/// or `other` has the name of a case.
fn is_inexpressible(error: &str) -> bool {
    error.ends_with("this key occurs twice") || error.ends_with("would be read as that")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn encoded_value_decodes_to_itself(
        (shape, (json, _)) in shapes().prop_flat_map(|shape| { let fitting = fitting(&shape); (Just(shape), fitting) }),
        case in proptest::sample::select(&NameCase::ALL[..]),
    ) {
        let spelling = Spelling { case, ..Spelling::default() };
        let Ok(encoding) = Encoding::new(&shape, &spelling, "it") else { return Ok(()) };
        let value = decode(&shape, &json).expect("it fits");
        match encoding.encode(&value, BYTES_MAX) {
            Ok(json) => prop_assert_eq!(decode(&shape, json.get()), Ok(value), "{}", json),
            Err(error) => {
                let error = error_text(error);
                prop_assert!(is_inexpressible(&error), "{}", error);
            }
        }
    }
}
