//! The built-in providers against their own samples.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hookyard_model::Payload;
use hookyard_verify::{Direction, KeySource, Verified};

use super::*;

fn built_in() -> BTreeMap<String, Arc<Provider>> {
    let sink = Sink::default();
    let around = Surroundings::new(Path::new("hookyard.toml"), &|_| None);
    let providers = all(None, &around, &sink);
    sink.into_result(Some(providers)).expect("the built-in providers are right")
}

#[test]
fn every_sample_is_of_a_known_event_and_every_event_has_a_sample() {
    for provider in built_in().values() {
        let dir = BUILT_IN.get_dir(format!("{}/samples", provider.name)).expect("samples");
        let mut seen = BTreeSet::new();
        for file in dir.files().filter(|file| file.path().extension().is_some_and(|extension| extension == "json")) {
            let verified = Verified { id: Some("id".to_owned()), payload: Payload::Body };
            let described = provider.describe(&verified, &[], file.contents());
            let event_type = described.ok().and_then(|description| description.event_type);
            let known = event_type.filter(|name| provider.events.contains_key(name));
            seen.insert(known.unwrap_or_else(|| panic!("{} is of no known event", file.path().display())));
        }
        let incoming = provider.events.iter().filter(|(_, event)| event.direction == Direction::Incoming);
        assert_eq!(seen, incoming.map(|(name, _)| name.clone()).collect(), "{}", provider.name);
    }
}

#[test]
fn what_only_we_send_is_refused() {
    let providers = built_in();
    let outgoing = ["accepted", "declined", "contract_started"];
    for name in outgoing {
        let body = format!(r#"{{"type":"topi_saas.offer.{name}","event_id":"1"}}"#);
        let verified = Verified { id: None, payload: Payload::Body };
        assert!(providers["topi-saas"].describe(&verified, &[], body.as_bytes()).is_err(), "{name}");
    }
}

#[test]
fn the_scheme_id_counts_before_the_header() {
    let key = &built_in()["tipser"].key.from;
    assert_eq!(*key, [KeySource::SchemeId, KeySource::Header("x-amz-sns-message-id".to_owned())]);
}

#[test]
fn contracts_name_each_incoming_case() {
    let contracts = contracts(&built_in());
    let contract = contracts.get("topper:webhooks").expect("topper's");
    assert_eq!(
        contract.cases.get("order:crypto-onramp:completed").map(String::as_str),
        Some("crypto-onramp-completed")
    );
    assert!(contracts.get("topi-saas:webhooks").is_some_and(|contract| contract.cases.len() == 1));
}
