//! The built-in providers with their own samples.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hookyard_model::{Header, Payload};
use hookyard_schemes::EnvelopeValues;
use hookyard_schemes::value::{PlaceKind, Template};
use hookyard_schemes::{Direction, KeyRule, Request, TypeRule, Verified};

use super::*;

fn built_in() -> BTreeMap<String, Arc<Provider>> {
    let sink = Sink::default();
    let resolver = Resolver::new(Path::new("hookyard.toml"), &|_| None);
    let providers = all(None, &resolver, &sink);
    sink.into_result(Some(providers))
        .expect("the built-in providers are right")
}

/// Returns a request without headers.
fn request(body: &[u8]) -> Request<'_> {
    Request {
        method: "POST",
        path: "/acme/orders",
        tail: None,
        query: None,
        headers: &(),
        body,
    }
}

/// Returns the headers of a sample: the kind of its body, and those that its key is in.
fn headers_of(provider: &Provider, sample: &Path) -> Vec<Header> {
    let header = |name: &str, value: &'static str| Header {
        name: name.to_owned(),
        value: value.into(),
    };
    let KeyRule::FirstOf(templates) = &provider.key else {
        return Vec::new();
    };
    let places = templates.iter().flat_map(Template::places);
    let names: BTreeSet<_> = places
        .filter_map(|place| match &place.kind {
            PlaceKind::Header(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();

    let mut headers: Vec<_> = names.into_iter().map(|name| header(name, "1")).collect();
    if sample.extension().is_some_and(|end| end == "txt") {
        headers.push(header("content-type", "application/x-www-form-urlencoded"));
    }
    headers
}

/// Whether the type of an event is in a header, which a sample does not have.
fn has_type_in_header(provider: &Provider) -> bool {
    let TypeRule::FirstOf(templates) = &provider.event_type else {
        return false;
    };
    templates.iter().all(|template| {
        let mut places = template.places();
        places.any(|place| matches!(place.kind, PlaceKind::Header(_)))
    })
}

#[test]
fn every_event_type_has_a_sample() {
    for provider in built_in().values() {
        let incoming = provider
            .events
            .iter()
            .filter(|(_, event)| event.direction == Direction::Incoming);
        for (name, event) in incoming {
            let sample = |end: &str| {
                BUILT_IN.get_file(format!("{}/samples/{}.{end}", provider.name, event.case))
            };
            let sample = sample("json").or_else(|| sample("txt"));
            let sample = sample.unwrap_or_else(|| panic!("{}: no sample of {name}", provider.name));
            if has_type_in_header(provider) {
                continue;
            }
            let verified = Verified {
                id: Some("id".to_owned()),
                payload: Payload::Body,
            };
            let headers = headers_of(provider, sample.path());
            let request = Request {
                headers: &headers,
                ..request(sample.contents())
            };
            let described = provider.describe(&verified, &request);
            let described = described.map(|description| description.event_type);
            assert_eq!(described, Ok(Some(name.clone())), "{}", provider.name);
        }
    }
}

#[test]
fn outgoing_event_is_refused() {
    let providers = built_in();
    let outgoing = ["accepted", "declined", "contract_started"];
    for name in outgoing {
        let body = format!(r#"{{"type":"topi_saas.offer.{name}","event_id":"1"}}"#);
        let verified = Verified {
            id: None,
            payload: Payload::Body,
        };
        assert!(
            providers["topi-saas"]
                .describe(&verified, &request(body.as_bytes()))
                .is_err(),
            "{name}"
        );
    }
}

#[test]
fn batch_does_not_pass_as_its_first_event() {
    let providers = built_in();
    let described = |provider: &str, body: String, payload: Payload| {
        let verified = Verified { id: None, payload };
        let description = providers[provider].describe(&verified, &request(body.as_bytes()));
        let description = description.expect("a key");
        (description.key.expect("a key"), description.event_type)
    };

    let events = |ids: &[u8]| {
        let event = |id| format!(r#"{{"id": "{id}", "eventType": "paid"}}"#);
        format!("[{}]", ids.iter().map(event).collect::<Vec<_>>().join(","))
    };
    let grid = |ids: &[u8]| described("azure-event-grid", events(ids), Payload::Body);
    assert_eq!(grid(&[1]), ("1".to_owned(), Some("paid".to_owned())));
    let (key, event_type) = grid(&[1, 2]);
    assert_eq!(event_type, None);
    assert_ne!(key, grid(&[1, 2, 3]).0);

    let items = |references: &[u8]| {
        let item = |reference| {
            let item = format!(
                r#"{{"pspReference": "{reference}", "eventCode": "CAPTURE", "success": "true"}}"#
            );
            format!(r#"{{"NotificationRequestItem": {item}}}"#)
        };
        let items: Vec<_> = references.iter().map(item).collect();
        format!(r#"{{"notificationItems": [{}]}}"#, items.join(","))
    };
    let first = ("1:CAPTURE:true".to_owned(), Some("CAPTURE".to_owned()));
    assert_eq!(described("adyen", items(&[1]), Payload::Body), first);
    let (key, event_type) = described("adyen", items(&[1, 2]), Payload::Body);
    assert_eq!(event_type, None);
    assert!(key.starts_with("2:"), "{key}");
    // The signature covers the first item alone, so that no other item reaches a plugin.
    let covered = ["pspReference", "eventCode", "success"];
    let pointer = |name| format!("/notificationItems/0/NotificationRequestItem/{name}");
    let covered = Payload::Covered(covered.map(pointer).into());
    assert_eq!(described("adyen", items(&[1, 2]), covered), first);
}

#[test]
fn contracts_contain_incoming_cases() {
    let contracts = contracts(&built_in());
    let contract = contracts.get("topper:webhooks").expect("topper's");
    assert_eq!(
        contract
            .cases
            .get("order:crypto-onramp:completed")
            .map(String::as_str),
        Some("crypto-onramp-completed")
    );
    assert!(
        contracts
            .get("topi-saas:webhooks")
            .is_some_and(|contract| contract.cases.len() == 1)
    );
}

/// The envelope template is complete: the payload of a sample, put into the envelope with the id,
/// type and time of the sample, equals the sample.
#[test]
fn outgoing_samples_equal_their_envelopes() {
    let mut compared = 0;
    for provider in built_in().values() {
        let samples = BUILT_IN.get_dir(format!("{}/samples/outgoing", provider.name));
        for file in samples.into_iter().flat_map(include_dir::Dir::files) {
            let sample: serde_json::Value =
                serde_json::from_slice(file.contents()).expect("a sample is JSON");
            let text = |name: &str| sample[name].as_str().expect("a text").to_owned();
            let (id, event_type, time) = (text("event_id"), text("type"), text("created_at"));
            let payload = serde_json::value::to_raw_value(&sample["payload"]).expect("JSON");
            let filling = EnvelopeValues {
                id: &id,
                event_type: &event_type,
                time: &time,
                payload: &payload,
            };
            let filled = provider
                .outgoing
                .envelope
                .fill(&filling)
                .expect("the payload has what the envelope needs");
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&filled).expect("JSON"),
                sample
            );
            let function = file
                .path()
                .file_stem()
                .and_then(|name| name.to_str())
                .expect("a name");
            assert_eq!(
                provider.outgoing.types.get(function),
                Some(&event_type),
                "{function} sends it"
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 3);
}

#[test]
fn envelope_is_read_from_toml() {
    let read = |lines: &str| {
        let sink = Sink::default();
        let text = format!(
            "name = \"shop\"\npackage = \"shop:webhooks\"\nkey = {{ json = \"/id\" }}\ntype = {{ json = \"/type\" }}\n\
             scheme = {{ default = \"basic\" }}\n[outgoing]\n{lines}"
        );
        let provider = read::provider("provider.toml", "shop", &text, &sink);
        sink.into_result(provider)
            .map(|provider| provider.outgoing)
            .map_err(|faults| faults.to_string())
    };
    let outgoing = read(
        "case = \"camel\"\nnames = { line1 = \"line_1\" }\norder = \"/id\"\nevents = { \"order.paid\" = \"order-paid\" }\n\
         envelope = { z = \"{id}\", a = [1, 0x10, true, { at = \"{time}\" }] }",
    )
    .expect("it is right");
    assert_eq!(
        outgoing.types,
        BTreeMap::from([("order-paid".to_owned(), "order.paid".to_owned())])
    );
    assert_eq!(
        [
            outgoing.spelling.spell("postal-code"),
            outgoing.spelling.spell("line1")
        ],
        ["postalCode", "line_1"]
    );
    let payload = serde_json::value::to_raw_value(&()).expect("JSON");
    let filled = outgoing.envelope.fill(&EnvelopeValues {
        id: "7",
        event_type: "t",
        time: "now",
        payload: &payload,
    });
    assert_eq!(
        filled.as_deref(),
        Ok(r#"{"z":"7","a":[1,16,true,{"at":"now"}]}"#),
        "in the order of the file"
    );

    for (lines, expected) in [
        (
            "case = \"snail\"",
            "unknown case `snail`; did you mean `snake`? (choose one of snake, camel, pascal, kebab)",
        ),
        ("envelop = {}", "unknown key; did you mean `envelope`?"),
        (
            "envelope = { id = \"{ids}\" }",
            "id: `{ids}` is not a valid template: the placeholders are {id}, {type}, {time}",
        ),
        (
            "envelope = { id = 1.5 }",
            "id: an envelope can contain only strings, whole numbers, true or false, lists and tables",
        ),
        (
            "events = { a = \"x\", b = \"x\" }",
            "two types in `events` have the same function; give each type its own",
        ),
        ("order = \"id\"", "`id` is not a JSON pointer"),
    ] {
        let fault = read(lines).expect_err("it is refused");
        assert!(fault.contains(expected), "{fault}");
    }
}

#[test]
fn provider_versions_are_checked() {
    let read = |versions: &str| {
        let sink = Sink::default();
        let text = format!(
            "name = \"x\"\npackage = \"x:webhooks\"\n{versions}\nkey = {{ json = \"/id\" }}\ntype = {{ json = \"/type\" }}\n\
             [scheme]\nallowed = [\"bearer\"]\n"
        );
        let provider = read::provider("x/provider.toml", "x", &text, &sink);
        sink.into_result(provider)
            .map(|provider| provider.versions)
            .map_err(|faults| faults.to_string())
    };
    assert_eq!(read(""), Ok(Vec::new()), "all there are");
    assert_eq!(
        read("versions = [\"0.9\", \"1\", \"2\"]"),
        Ok(vec!["0.9".into(), "1".into(), "2".into()])
    );
    let fault = |n| {
        format!(
            "x/provider.toml:3: versions[{n}]: must be the part that compatible versions share: \"1\" for 1.x.y, \
             \"0.9\" for 0.9.x"
        )
    };
    let faults = [0, 1, 2, 3].map(fault).join("\n");
    assert_eq!(
        read("versions = [\"1.0\", \"0\", \"1.0.0\", \"v1\"]"),
        Err(faults)
    );
}

#[test]
fn answer_is_read_and_checked() {
    let read = |lines: &str| {
        let sink = Sink::default();
        let text = format!(
            "name = \"x\"\npackage = \"x:webhooks\"\nkey = {{ json = \"/id\" }}\ntype = {{ json = \"/type\" }}\n\
             scheme = {{ allowed = [\"bearer\"] }}\n[answer]\n{lines}"
        );
        let provider = read::provider("x/provider.toml", "x", &text, &sink);
        sink.into_result(provider)
            .map(|provider| provider.answer.expect("an answer"))
            .map_err(|faults| faults.to_string())
    };
    let answer = read("type = \"text/xml\"\nbody = \"<Response/>\"\nheaders = { X-A = \"b\" }")
        .expect("right");
    assert_eq!(
        (answer.status(), answer.content_type(), answer.body()),
        (200, Some("text/xml"), &b"<Response/>"[..])
    );
    assert_eq!(answer.headers(), [("x-a".to_owned(), "b".to_owned())]);
    assert_eq!(read("status = 204").map(|answer| answer.status()), Ok(204));

    for (lines, expected) in [
        (
            "status = 500",
            ":7: answer.status: the answer cannot be sent: the status 500 tells the sender that the request failed; use 200 to 299",
        ),
        (
            "status = 204\nbody = \"x\"",
            ":8: answer.body: the answer cannot be sent: an answer with the status 204 has no body",
        ),
        (
            "type = \"text/xml\"",
            ":7: answer.type: describes a body, and there is no `body`",
        ),
        (
            "headers = { Date = \"x\" }",
            ":7: answer.headers.Date: the answer cannot be sent: the host sets the header `date`; remove it",
        ),
        (
            "headers = { X-A = \"a\\nb\" }",
            ":7: answer.headers.X-A: the answer cannot be sent: the value of the header `x-a` is not 1 to 2048 printable ASCII characters without surrounding spaces",
        ),
        (
            "boddy = \"x\"",
            ":7: answer.boddy: unknown key; did you mean `body`?",
        ),
    ] {
        assert_eq!(read(lines), Err(format!("x/provider.toml{expected}")));
    }
}
