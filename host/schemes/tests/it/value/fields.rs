//! Reading single values.

use hookyard_schemes::Refusal;
use hookyard_schemes::value::{Fields, Place};

use super::{after, pair, place, with_request};

const QUERY: &str = "a=1&b=x+y%20z&c=&d&e=1&e=1&bad=%ff";
const FORM: &str = "To=%2B49&From=a%26b&e=1&e=2";
const JSON: &str =
    r#"{"a":{"b":"x\u00e9"},"n":1.50,"t":true,"z":null,"o":{},"d":1,"d":2,"l":["q"]}"#;

fn get(place: &Place, body: &str) -> Result<String, String> {
    with_request(QUERY, body, |request| {
        let value = Fields::new(request).get(place);
        value
            .map(|value| value.into_owned())
            .map_err(|refusal| refusal.to_string())
    })
}

fn check(place: &Place, body: &str, expected: Result<&str, &str>) {
    let expected = expected.map(str::to_owned).map_err(str::to_owned);
    assert_eq!(get(place, body), expected, "{place:?}");
}

#[test]
fn value_is_read_at_each_kind_of_place() {
    check(&place("header", "X-Hub-Signature"), "", Ok("sha256=ab"));
    check(&place("query", "b"), "", Ok("x y z"));
    check(&place("query", "c"), "", Ok(""));
    check(&place("query", "d"), "", Ok(""));
    check(&place("form", "To"), FORM, Ok("+49"));
    check(&place("form", "From"), FORM, Ok("a&b"));
    for (pointer, expected) in [
        ("/a/b", "x\u{e9}"),
        ("/n", "1.50"),
        ("/t", "true"),
        ("/l/0", "q"),
    ] {
        check(&place("json", pointer), JSON, Ok(expected));
    }
    check(&place("json", "/a"), "\u{feff}{\"a\":1}", Ok("1"));
}

#[test]
fn part_of_a_value_is_read() {
    check(&after("X-Hub-Signature", "sha256="), "", Ok("ab"));
    check(&pair("t", true), "", Ok("1"));
    let all = with_request("", "", |request| {
        let all = Fields::new(request).all(&pair("v1", true)).expect("values");
        all.iter()
            .map(|value| value.to_string())
            .collect::<Vec<_>>()
    });
    assert_eq!(all, ["ab", "cd"]);
    // Without trimming, the blank belongs to the name of the pair.
    check(&pair("v1", false), "", Ok("cd"));
}

#[test]
fn refusal_says_what_was_looked_for() {
    for (place, body, expected) in [
        (
            place("header", "x-none"),
            "",
            "the header `x-none` is missing",
        ),
        (
            after("X-Hub-Signature", "v0="),
            "",
            "the header `x-hub-signature` does not begin with `v0=`",
        ),
        (
            pair("v2", true),
            "",
            "the header `x-signature` has no pair `v2`",
        ),
        (
            pair("v1", true),
            "",
            "the header `x-signature` has more than one pair `v1`",
        ),
        (
            place("header", "x-latin"),
            "",
            "the header `x-latin` has characters other than printable ASCII",
        ),
        (
            place("query", "q"),
            "",
            "the parameter `q` of the query is missing",
        ),
        (
            place("query", "bad"),
            "",
            "the parameter `bad` of the query is not UTF-8",
        ),
        (
            place("form", "X"),
            FORM,
            "the field `X` of the form is missing",
        ),
        (
            place("json", "/x"),
            JSON,
            "the field `/x` of the body is missing",
        ),
        (
            place("json", "/z"),
            JSON,
            "the field `/z` of the body is missing",
        ),
        (
            place("json", "/o"),
            JSON,
            "the field `/o` of the body is neither a text, a number, `true` nor `false`",
        ),
    ] {
        check(&place, body, Err(expected));
    }
    let error = get(&place("form", "To"), JSON).expect_err("no form");
    assert!(error.contains("it is not a form"), "{error}");
    let error = get(&place("json", "/a"), FORM).expect_err("no JSON");
    assert!(error.contains("it is not JSON"), "{error}");
}

#[test]
fn missing_value_is_none_and_repeated_value_is_refused() {
    let find = |place: &Place, body: &str| {
        with_request(QUERY, body, |request| {
            let value = Fields::new(request).find(place);
            value.map(|value| value.map(|value| value.into_owned()))
        })
    };

    for (place, body) in [
        (place("header", "x-none"), ""),
        (after("X-Hub-Signature", "v0="), ""),
        (place("query", "q"), ""),
        (place("json", "/o"), JSON),
        (place("json", "/a"), FORM),
        (place("form", "To"), JSON),
    ] {
        assert_eq!(find(&place, body), Ok(None), "{place:?}");
    }
    for (place, body) in [
        (place("header", "x-twice"), ""),
        (pair("v1", true), ""),
        (place("query", "e"), ""),
        (place("form", "e"), FORM),
        (place("json", "/d"), JSON),
    ] {
        let refusal = find(&place, body).expect_err("repeated");
        assert!(refusal.is_repetition(), "{place:?}: {refusal}");
    }
}

#[test]
fn prepared_locations_are_read_like_others() {
    let pointers = ["/a/b", "/n", "/d"].map(|text| text.parse().expect("a pointer"));
    with_request("", JSON, |request| {
        let fields = Fields::new(request).with_pointers(&pointers);
        for (pointer, expected) in [
            ("/a/b", Some("x\u{e9}")),
            ("/n", Some("1.50")),
            ("/l/0", Some("q")),
        ] {
            let found = fields.find(&place("json", pointer)).expect("readable");
            assert_eq!(found.as_deref(), expected, "{pointer}");
        }
        let twice = fields.find(&place("json", "/d"));
        assert!(
            matches!(twice, Err(Refusal::RepeatedField { .. })),
            "{twice:?}"
        );
    });
}
