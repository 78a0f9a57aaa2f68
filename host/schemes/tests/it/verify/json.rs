use hookyard_model::Payload;
use hookyard_schemes::{JsonPointer, Unreadable, payload_bytes};

fn find(pointer: &str, json: &str) -> Result<Option<String>, Unreadable> {
    let pointer = JsonPointer::parse(pointer).expect("a pointer");
    Ok(pointer
        .find(json.as_bytes())?
        .map(|value| value.get().to_owned()))
}

#[test]
fn pointer_finds_the_text_of_values() {
    let json = r#" { "a": {"b/c": [10, {"~": 12345678901234567890.10}]}, "": {"": null}, "\u0061b": "x" } "#;

    for (pointer, expected) in [
        ("/a/b~1c/0", Some("10")),
        ("/a/b~1c/1/~0", Some("12345678901234567890.10")),
        ("/a/b~1c/2", None),
        ("/a/b~1c/01", None),
        ("/a/b~1c/-", None),
        ("/a/b~1c/+1", None),
        ("/a/b~1c/99999999999999999999999", None),
        ("//", Some("null")),
        ("/ab", Some(r#""x""#)),
        ("/ab/c", None),
        ("/missing/deeper", None),
    ] {
        assert_eq!(
            find(pointer, json),
            Ok(expected.map(str::to_owned)),
            "{pointer}"
        );
    }
    assert_eq!(find("", "[1]"), Ok(Some("[1]".into())));
}

#[test]
fn repeated_name_is_refused() {
    let repeated = |name: &str| Err(Unreadable::Repeated(name.into()));
    assert_eq!(find("/id", r#"{"id":1,"id":2}"#), repeated("id"));
    assert_eq!(find("/id", r#"{"id":1,"\u0069d":2}"#), repeated("id"));
    assert_eq!(find("/a/id", r#"{"a":{"id":1},"a":{}}"#), repeated("a"));
    // A repeated name that is not on the path is ignored.
    assert_eq!(find("/id", r#"{"id":1,"x":1,"x":2}"#), Ok(Some("1".into())));
}

#[test]
fn json_error_does_not_quote_the_body() {
    for bad in [
        "",
        "{",
        r#"{"id":1} x"#,
        "{'id':1}",
        "\u{feff}{}",
        r#"{"id":"secret"#,
    ] {
        match find("/id", bad) {
            Err(Unreadable::NotJson(why)) => assert!(!why.contains("secret"), "{why}"),
            other => panic!("{bad}: {other:?}"),
        }
    }
    assert!(matches!(
        JsonPointer::default().find(b"\xff"),
        Err(Unreadable::NotJson(_))
    ));
}

#[test]
fn invalid_pointer_is_refused() {
    for bad in ["a", "a/b", "/~", "/~2", "/a~"] {
        assert!(JsonPointer::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn event_is_read_from_a_string() {
    let within = Payload::TextAt("/Message".into());
    let body = br#"{"Message":"{\"a\":\"\u00e9\"}"}"#;

    assert_eq!(
        payload_bytes(&within, body).as_deref(),
        Ok(r#"{"a":"é"}"#.as_bytes())
    );
    assert_eq!(
        payload_bytes(&Payload::Body, body).as_deref(),
        Ok(&body[..])
    );
    let missing = Err(Unreadable::NoText("/Message".into()));
    assert_eq!(payload_bytes(&within, br#"{"Message":{}}"#), missing);
    assert_eq!(payload_bytes(&within, br#"{"Message":"\ud800"}"#), missing);
}

#[test]
fn deep_json_is_read() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(
        find("/x", &format!(r#"{{"a":{deep},"x":1}}"#)),
        Ok(Some("1".into()))
    );
}
