//! Requests and texts that are made to cost much.

use std::time::{Duration, Instant};

use hookyard_schemes::recipe::SignedPiece;
use hookyard_schemes::value::{Fields, PlaceKind, Template};
use hookyard_schemes::{Refusal, Request};
use proptest::prelude::*;

use super::{place, with_request};

/// Far more than any of these requests may take, also on a busy machine without optimization.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn form_with_too_many_fields_is_refused() {
    let body = "a=1&".repeat(100_000);
    let refusal = with_request("", &body, |request| {
        let found = Fields::new(request).get(&place("form", "a"));
        found.map(|value| value.into_owned())
    });
    assert_eq!(refusal, Err(Refusal::TooManyParameters { part: "form" }));
}

#[test]
fn long_query_is_read_once() {
    let query = "x".repeat(100 * 1024) + "&a=1";
    let found = with_request(&query, "", |request| {
        let fields = Fields::new(request);
        let found = fields.get(&place("query", "a"));
        found.map(|value| value.into_owned())
    });
    assert_eq!(found.as_deref(), Ok("1"));
}

#[test]
fn deep_json_costs_little() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let body = format!(
        "{{\"deep\":{deep},\"a\":1,\"big\":\"{}\"}}",
        "x".repeat(10 << 20)
    );
    let start = Instant::now();
    with_request("", &body, |request| {
        let fields = Fields::new(request);
        assert_eq!(fields.get(&place("json", "/a")).as_deref(), Ok("1"));
        let deeper = place("json", &"/0".repeat(50));
        assert_eq!(fields.find(&deeper), Ok(None));
    });
    assert!(start.elapsed() < LONG);
}

/// Reads every kind of place of a request.
fn read_all(request: Request<'_>, name: &str) {
    let fields = Fields::new(request);
    for word in PlaceKind::WORDS {
        if let Ok(kind) = PlaceKind::parse(word, name) {
            let place = hookyard_schemes::value::Place::whole(kind);
            let found = fields.find(&place);
            assert!(found.is_err() || found == Ok(None) || fields.get(&place).is_ok());
        }
    }
}

proptest! {
    #[test]
    fn any_request_is_read_without_panic(query: String, body: Vec<u8>, name in "[/a-b=&%]{0,4}") {
        with_request(&query, "a=b", |request| {
            read_all(Request { body: &body, ..request }, &name);
        });
    }

    #[test]
    fn written_form_is_read_back(name in "[a-z é&=+%]{1,6}", value in any::<String>()) {
        let encode = |text: &str| {
            let all = percent_encoding::NON_ALPHANUMERIC;
            percent_encoding::utf8_percent_encode(text, all).to_string()
        };
        let body = format!("another=1&{}={}", encode(&name), encode(&value));
        with_request("", &body, |request| {
            let found = Fields::new(request).get(&place("form", &name));
            prop_assert_eq!(found.as_deref(), Ok(value.as_str()));
            Ok(())
        })?;
    }

    #[test]
    fn any_template_is_parsed_or_refused(text in "[{}:/a-z0-9]{0,30}") {
        if let Ok(template) = Template::<std::convert::Infallible>::parse(&text) {
            prop_assert!(!template.pieces().is_empty());
        }
    }

    #[test]
    fn any_signed_text_is_parsed_or_refused(
        inner in "(json-fields:|setting:|body|url|timestamp)?[/a-z,:0-9~]{0,20}",
        around in "[{}a]{0,4}",
    ) {
        let text = format!("{around}{{{inner}}}{around}");
        if let Ok(template) = Template::<SignedPiece>::parse(&text) {
            prop_assert!(!template.pieces().is_empty());
        }
    }
}
