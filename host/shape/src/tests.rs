//! Decoding of JSON: tables for the rules, and properties for arbitrary types and JSON.

use super::{Case, DecodeError, Field, Number, Plan, Pointer, Shape, Value};

mod properties;

const MANY: usize = 100_000;

fn decode(shape: &Shape, json: &str) -> Result<Value, DecodeError> {
    Plan::new(shape, "it")
        .expect("a shape that compiles")
        .decode::<Value>(&Pointer::default(), json, MANY)
}

fn record(fields: impl IntoIterator<Item = (&'static str, Shape)>) -> Shape {
    Shape::Record(
        fields
            .into_iter()
            .map(|(name, shape)| Field {
                name: name.into(),
                shape,
            })
            .collect(),
    )
}

fn variant(cases: impl IntoIterator<Item = (&'static str, Option<Shape>)>) -> Shape {
    Shape::Variant(
        cases
            .into_iter()
            .map(|(name, payload)| Case {
                name: name.into(),
                payload,
            })
            .collect(),
    )
}

fn option(shape: Shape) -> Shape {
    Shape::Option(Box::new(shape))
}

fn list(shape: Shape) -> Shape {
    Shape::List(Box::new(shape))
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn u8(value: u8) -> Value {
    Value::Number(Number::U8(value))
}

fn some(value: Value) -> Value {
    Value::Option(Some(Box::new(value)))
}

const NONE: Value = Value::Option(None);

/// Decodes JSON and compares the value, or the path and the message of the error as a text.
#[track_caller]
fn check(shape: &Shape, json: &str, expected: Result<Value, &str>) {
    let decoded =
        decode(shape, json).map_err(|DecodeError { path, message }| format!("{path}: {message}"));
    assert_eq!(decoded, expected.map_err(str::to_owned), "{json}");
}

#[test]
fn scalars_are_decoded() {
    for (shape, json, expected) in [
        (Shape::Bool, "true", Ok(Value::Bool(true))),
        (
            Shape::Bool,
            "1",
            Err("$: found a number, wanted true or false"),
        ),
        (Shape::Bool, "\u{feff}true", Ok(Value::Bool(true))),
        (Shape::U32, " 7 ", Ok(Value::Number(Number::U32(7)))),
        (
            Shape::U32,
            "7.0",
            Err("$: found a number with a fraction or an exponent, wanted u32"),
        ),
        (
            Shape::U32,
            "-1",
            Err("$: found an integer that is out of range, wanted u32"),
        ),
        (Shape::U32, "\"7\"", Err("$: found a string, wanted u32")),
        (Shape::U64, "null", Err("$: found null, wanted u64")),
        (Shape::Float64, "7", Ok(Value::Number(Number::F64(7.0)))),
        (Shape::Float32, "0.5", Ok(Value::Number(Number::F32(0.5)))),
        (Shape::Char, "\"ä\"", Ok(Value::Char('ä'))),
        (Shape::Char, "\"\\ud83d\\ude00\"", Ok(Value::Char('😀'))),
        (
            Shape::Char,
            "\"ab\"",
            Err("$: found a string of another length, wanted a string of one character"),
        ),
        (Shape::String, r#""a\n\"b""#, Ok(text("a\n\"b"))),
        (
            Shape::String,
            r#" {"b": [1.50, "x"]} "#,
            Ok(text(r#"{"b": [1.50, "x"]}"#)),
        ),
        (Shape::String, "[ ]", Ok(text("[ ]"))),
        (
            Shape::String,
            "12345678901234567890",
            Err("$: found a number, wanted a string"),
        ),
        (Shape::String, "null", Err("$: found null, wanted a string")),
        (
            Shape::String,
            r#""\ud83d""#,
            Err("$: found a string with an escape that stands for no character"),
        ),
        (
            Shape::String,
            "",
            Err("$: not JSON: EOF while parsing a value at line 1 column 0"),
        ),
        (
            Shape::U8,
            "1 2",
            Err("$: not JSON: trailing characters at line 1 column 3"),
        ),
    ] {
        check(&shape, json, expected);
    }
}

#[test]
fn records_are_decoded() {
    let shape = record([
        ("payment-method", Shape::String),
        ("amount", option(Shape::U64)),
    ]);
    let value = |method: &str, amount| {
        Ok(Value::Record(vec![
            ("payment-method".into(), text(method)),
            ("amount".into(), amount),
        ]))
    };
    for (json, expected) in [
        (
            r#"{"paymentMethod":"card","amount":3}"#,
            value("card", some(Value::Number(Number::U64(3)))),
        ),
        (
            r#"{"new":[{}],"payment_method":"card","amount":null}"#,
            value("card", NONE),
        ),
        (r#"{"payment-method":"card"}"#, value("card", NONE)),
        (
            r#"{"paymentMethod":"a","payment_method":"b"}"#,
            Err("$.payment_method: this field occurs twice"),
        ),
        (
            r#"{"paymentMethod":"a","paymentMethod":"a"}"#,
            Err("$.paymentMethod: this field occurs twice"),
        ),
        (r#"{"new":1,"new":2,"paymentMethod":"a"}"#, value("a", NONE)),
        (
            r#"{"amount":3}"#,
            Err("$.payment-method: the field is missing, wanted a string"),
        ),
        (
            r#"{"paymentMethod":"a","amount":"3"}"#,
            Err("$.amount: found a string, wanted u64"),
        ),
        (
            r#"{"paymentMethod":"a","amount":-3}"#,
            Err("$.amount: found an integer that is out of range, wanted u64"),
        ),
        (r#"["a"]"#, Err("$: found an array, wanted an object")),
        (r#""a""#, Err("$: found a string, wanted an object")),
    ] {
        check(&shape, json, expected);
    }
}

#[test]
fn names_match_in_spite_of_punctuation() {
    let shape = record([("latest-card-bin", Shape::U8)]);
    let value = Ok(Value::Record(vec![("latest-card-bin".into(), u8(7))]));
    check(&shape, r#"{"latestCard.bin":7}"#, value.clone());
    check(&shape, r#"{"@latest card/bin":7,"+1":8}"#, value);
    check(
        &shape,
        r#"{"latestCard.bin":7,"latestCardBin":7}"#,
        Err("$.latestCardBin: this field occurs twice"),
    );
    let state = Shape::Enum(vec!["too-heated".into(), "other".into()]);
    check(
        &state,
        r#""too heated""#,
        Ok(Value::Enum("too-heated".into())),
    );
    let event = variant([("incident-trigger", Some(Shape::U8))]);
    check(
        &event,
        r#"{"incident.trigger":7}"#,
        Ok(Value::Variant(
            "incident-trigger".into(),
            Some(Box::new(u8(7))),
        )),
    );
}

#[test]
fn error_path_names_the_fault() {
    let shape = record([(
        "data",
        record([("fees", list(record([("amount", Shape::U32)])))]),
    )]);
    check(
        &shape,
        r#"{"data":{"fees":[{"amount":1},{"amount":2},{"amount":2.5}]}}"#,
        Err("$.data.fees[2].amount: found a number with a fraction or an exponent, wanted u32"),
    );
    check(
        &shape,
        r#"{"data":{"fees":[{"amount":1},}"#,
        Err("$.data.fees[1]: not JSON: expected value at line 1 column 31"),
    );
}

#[test]
fn lists_tuples_and_maps_are_decoded() {
    let pairs = list(Shape::Tuple(vec![Shape::String, Shape::U8]));
    let map = Shape::Map(Box::new(Shape::U8));
    let pair = |key: &str, value| Value::Tuple(vec![text(key), u8(value)]);
    for (shape, json, expected) in [
        (
            &list(Shape::U8),
            "[1,2]",
            Ok(Value::List(vec![u8(1), u8(2)])),
        ),
        (
            &list(Shape::U8),
            "[1,256]",
            Err("$[1]: found an integer that is out of range, wanted u8"),
        ),
        (
            &list(Shape::U8),
            r#"{"a":1}"#,
            Err("$: found an object, wanted an array"),
        ),
        (
            &pairs,
            r#"{"b":1,"a":2}"#,
            Ok(Value::List(vec![pair("b", 1), pair("a", 2)])),
        ),
        (&pairs, r#"[["b",1]]"#, Ok(Value::List(vec![pair("b", 1)]))),
        (
            &pairs,
            r#"{"b":1,"b":2}"#,
            Err("$.b: this key occurs twice"),
        ),
        (
            &pairs,
            r#"{"b c":null}"#,
            Err("$[\"b c\"]: found null, wanted u8"),
        ),
        (
            &pairs,
            "1",
            Err("$: found a number, wanted an object, or an array of pairs"),
        ),
        (
            &map,
            r#"{"b":1}"#,
            Ok(Value::Map(vec![("b".into(), u8(1))])),
        ),
        (&map, "[]", Err("$: found an array, wanted an object")),
        (
            &Shape::Tuple(vec![Shape::U8, Shape::Bool]),
            "[1,true]",
            Ok(Value::Tuple(vec![u8(1), Value::Bool(true)])),
        ),
        (
            &Shape::Tuple(vec![Shape::U8]),
            "[]",
            Err("$: found an array of another length, wanted length 1"),
        ),
        (
            &Shape::Tuple(vec![Shape::U8]),
            "[1,2]",
            Err("$: found an array of another length, wanted length 1"),
        ),
    ] {
        check(shape, json, expected);
    }
}

#[test]
fn variants_are_decoded() {
    let closed = variant([("paid-out", None), ("refund", Some(Shape::U8))]);
    let open = variant([("refund", Some(Shape::U8)), ("other", Some(Shape::String))]);
    let mute = variant([("refund", Some(Shape::U8)), ("other", None)]);
    let case =
        |name: &str, payload: Option<Value>| Ok(Value::Variant(name.into(), payload.map(Box::new)));
    for (shape, json, expected) in [
        (&closed, r#""paidOut""#, case("paid-out", None)),
        (&closed, r#"{"paid_out":null}"#, case("paid-out", None)),
        (
            &closed,
            r#"{"paid_out":1}"#,
            Err("$: found a payload for `paid-out`, which has none"),
        ),
        (&closed, r#"{"refund":3}"#, case("refund", Some(u8(3)))),
        (
            &closed,
            r#"{"refund":"x"}"#,
            Err("$.refund: found a string, wanted u8"),
        ),
        (
            &closed,
            r#""refund""#,
            Err("$: found the case `refund` without its payload"),
        ),
        (
            &closed,
            r#""x""#,
            Err(
                "$: found none of the cases that the plugin has (paid-out, refund); it has no `other`",
            ),
        ),
        (
            &closed,
            r#"{"refund":3,"x":1}"#,
            Err("$: found an object, wanted the name of a case, or an object of one case"),
        ),
        (
            &closed,
            "7",
            Err("$: found a number, wanted the name of a case, or an object of one case"),
        ),
        (&open, r#"{"refund":3}"#, case("refund", Some(u8(3)))),
        (
            &open,
            r#"{"refund":300}"#,
            Err("$.refund: found an integer that is out of range, wanted u8"),
        ),
        (
            &open,
            r#"{"refund": 3, "x": 1}"#,
            case("other", Some(text(r#"{"refund": 3, "x": 1}"#))),
        ),
        (
            &open,
            r#"{"unheard-of": 3}"#,
            case("other", Some(text(r#"{"unheard-of": 3}"#))),
        ),
        (
            &open,
            r#""unheard\tof""#,
            case("other", Some(text("unheard\tof"))),
        ),
        (
            &open,
            "12345678901234567890",
            case("other", Some(text("12345678901234567890"))),
        ),
        (&mute, r#"[1]"#, case("other", None)),
    ] {
        check(shape, json, expected);
    }
}

#[test]
fn variant_of_other_alone_takes_any_json_text() {
    let json = variant([("other", Some(Shape::String))]);
    for written in [
        "5",
        r#""5""#,
        r#""a\u0062""#,
        "null",
        "true",
        "1.50",
        r#"{"other":5}"#,
        r#"{"other":"x"}"#,
        r#"[ 1, {"a": null} ]"#,
    ] {
        let expected = Value::Variant("other".into(), Some(Box::new(text(written))));
        check(&json, &format!(" {written} "), Ok(expected));
    }
    check(
        &record([("a", option(json.clone()))]),
        r#"{"a":null}"#,
        Ok(Value::Record(vec![("a".into(), NONE)])),
    );
    let deep = "[".repeat(129) + &"]".repeat(129);
    let too_deep = "$: found JSON that is nested more than 128 deep";
    check(&json, &deep, Err(too_deep));
    check(
        &record([("a", json)]),
        "{}",
        Err("$.a: the field is missing, wanted any JSON"),
    );
}

#[test]
fn enums_flags_results_and_options_are_decoded() {
    let strings = |names: &[&str]| {
        names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>()
    };
    let closed = Shape::Enum(strings(&["in-progress", "done"]));
    let open = Shape::Enum(strings(&["done", "other"]));
    let flags = Shape::Flags(strings(&["read-only", "hidden"]));
    let result = Shape::Result {
        ok: Some(Box::new(Shape::U8)),
        err: None,
    };
    let nested = option(option(Shape::U8));
    for (shape, json, expected) in [
        (
            &closed,
            r#""IN_PROGRESS""#,
            Ok(Value::Enum("in-progress".into())),
        ),
        (
            &closed,
            r#""new""#,
            Err(
                "$: found none of the cases that the plugin has (in-progress, done); it has no `other`",
            ),
        ),
        (
            &closed,
            "1",
            Err("$: found a number, wanted the name of a case"),
        ),
        (&open, r#""new""#, Ok(Value::Enum("other".into()))),
        (
            &flags,
            r#"["hidden","new","readOnly","hidden"]"#,
            Ok(Value::Flags(strings(&["read-only", "hidden"]))),
        ),
        (&flags, "[]", Ok(Value::Flags(vec![]))),
        (
            &flags,
            r#"["hidden",1]"#,
            Err("$[1]: found a number, wanted a string"),
        ),
        (
            &flags,
            r#""hidden""#,
            Err("$: found a string, wanted an array of names"),
        ),
        (
            &result,
            r#"{"ok":1}"#,
            Ok(Value::Result(Ok(Some(Box::new(u8(1)))))),
        ),
        (&result, r#""err""#, Ok(Value::Result(Err(None)))),
        (
            &result,
            r#"{"no":1}"#,
            Err("$: found none of the cases that the plugin has (ok, err); it has no `other`"),
        ),
        (&nested, "null", Ok(NONE)),
        (&nested, "1", Ok(some(some(u8(1))))),
    ] {
        check(shape, json, expected);
    }
}

#[test]
fn pointer_selects_the_content() {
    let plan = Plan::new(&Shape::U8, "it").expect("a plan");
    for (pointer, json, expected) in [
        (
            "/data/object",
            r#"{"a":{"data":1},"data":{"object":7,"x":[]},"z":0}"#,
            Ok(u8(7)),
        ),
        ("/list/1", r#"{"list":[5,6,7]}"#, Ok(u8(6))),
        (
            "/data",
            r#"{"Data":7}"#,
            Err("$: `data` is missing, where the event's content is"),
        ),
        (
            "/list/3",
            r#"{"list":[5,6,7]}"#,
            Err("$.list: element `3` is missing, where the event's content is"),
        ),
        (
            "/data",
            "[1]",
            Err("$: element `data` is missing, where the event's content is"),
        ),
        (
            "/data/x",
            r#"{"data":7}"#,
            Err("$.data: found a number, wanted an object with `x`"),
        ),
        (
            "/data",
            r#"{"data":7,"data":8}"#,
            Err("$.data: this field occurs twice"),
        ),
        (
            "/data",
            r#"{"data":"x"}"#,
            Err("$.data: found a string, wanted u8"),
        ),
        (
            "/data",
            r#"{"data":7"#,
            Err("$: not JSON: EOF while parsing an object at line 1 column 9"),
        ),
    ] {
        let pointer = Pointer::parse(pointer).expect("a pointer");
        let decoded = plan
            .decode::<Value>(&pointer, json, MANY)
            .map_err(|it| format!("{}: {}", it.path, it.message));
        assert_eq!(decoded, expected.map_err(str::to_owned), "{json}");
    }
    let pointer = Pointer::parse("/Message").expect("a pointer");
    assert_eq!(
        pointer.text(r#"{"Message":"{\"a\":1}"}"#),
        Ok(r#"{"a":1}"#.to_owned())
    );
}

#[test]
fn nesting_and_value_count_are_limited() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(decode(&Shape::String, &nested(128)).is_ok());
    check(
        &Shape::String,
        &nested(129),
        Err("$: found JSON that is nested more than 128 deep"),
    );
    // Undeclared fields may be nested to any depth.
    assert!(decode(&record([]), &format!(r#"{{"x":{}}}"#, nested(100_000))).is_ok());
    assert!(decode(&Shape::Bool, &nested(100_000)).is_err());

    // A few bytes can decode to many values, because absent options are values.
    let wide = Shape::Record(
        (0..100)
            .map(|n| Field {
                name: format!("f{n}"),
                shape: option(Shape::U8),
            })
            .collect(),
    );
    let json = format!("[{}{{}}]", "{},".repeat(999));
    let DecodeError { message, .. } =
        decode(&list(wide), &json).expect_err("a hundred thousand values and more");
    assert_eq!(
        message,
        "the event has more values than the plugin may take"
    );
}

#[test]
fn deepest_types_fit_the_stack() {
    // The types use each kind of nesting, up to the maximum depth. A test's thread has the same
    // stack size as a thread of the host.
    let (mut shape, mut json) = (Shape::U8, "7".to_owned());
    for level in 0..63 {
        (shape, json) = match level % 5 {
            0 => (record([("a", shape)]), format!(r#"{{"a":{json}}}"#)),
            1 => (variant([("a", Some(shape))]), format!(r#"{{"a":{json}}}"#)),
            2 => (list(shape), format!("[{json}]")),
            3 => (option(shape), json),
            _ => (
                Shape::Result {
                    ok: Some(Box::new(shape)),
                    err: None,
                },
                format!(r#"{{"ok":{json}}}"#),
            ),
        };
    }
    assert!(decode(&shape, &json).is_ok());
}

#[test]
fn messages_quote_no_values() {
    let shape = record([("a", Shape::U8), ("b", Shape::Enum(vec!["x".into()]))]);
    for json in [
        r#"{"a":"s3cret"}"#,
        r#"{"a":73910}"#,
        r#"{"a":1,"b":"s3cret"}"#,
        r#"["s3cret"]"#,
        r#""s3cret""#,
        r#"{"a":s3cret}"#,
        r#"{"a":1,"b":"\ud800s3cret"}"#,
    ] {
        let undecodable = format!(
            "{:?}",
            decode(&shape, json).expect_err("the JSON does not fit the type")
        );
        assert!(
            !undecodable.contains("s3cret") && !undecodable.contains("73910"),
            "{undecodable}"
        );
    }
}

#[test]
fn ambiguous_types_are_refused() {
    let clash = |shape: Shape| {
        Plan::new(&record([("data", shape)]), "event")
            .expect_err("a clash")
            .to_string()
    };
    let expected = "event.data cannot be decoded: `line1` and `line-1` are the same name to a sender; rename one of them";
    assert_eq!(
        clash(record([("line1", Shape::U8), ("line-1", Shape::U8)])),
        expected
    );
    assert_eq!(
        clash(variant([("line1", None), ("line-1", None)])),
        expected
    );
    assert_eq!(
        clash(Shape::Enum(vec!["line1".into(), "line-1".into()])),
        expected
    );
    assert_eq!(
        clash(Shape::Flags(vec!["line1".into(), "line-1".into()])),
        expected
    );
}
