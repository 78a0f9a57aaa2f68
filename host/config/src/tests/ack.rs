//! When the requests of a source are answered.

use std::time::Duration;

use hookyard_ingress::WaitRule;
use hookyard_store::Wanted;

use super::support::{Folder, check, source};

fn source_with(lines: &str) -> String {
    source(&format!(
        "provider = \"topi\"\nscheme = \"unverified\"\n{lines}"
    ))
}

fn read(lines: &str) -> Option<WaitRule> {
    let settings = Folder::new().settings(&source_with(lines));
    let source = settings.sources.into_values().next().expect("a source");
    source.wait
}

fn response(of: Option<&str>) -> Wanted {
    let of = of.map(|name| name.parse().expect("a name"));
    Wanted::Response { of }
}

#[test]
fn acknowledgement_is_read() {
    let rule = |wanted, seconds| {
        let time_max = Duration::from_secs(seconds);
        Some(WaitRule { wanted, time_max })
    };

    assert_eq!(read(""), None);
    assert_eq!(read("ack = \"stored\""), None);
    assert_eq!(read("ack = \"handled\""), rule(Wanted::Outcomes, 2));
    assert_eq!(read("ack = \"responder\""), rule(response(None), 2));
    assert_eq!(
        read("ack = \"responder\"\nack_timeout = \"9s\"\nresponder = \"bot\""),
        rule(response(Some("bot")), 9)
    );
}

#[test]
fn responders_are_the_sources_that_want_a_response() {
    let folder = Folder::new();
    let settings = folder.settings(&source_with("ack = \"handled\""));
    assert!(settings.responders().is_empty());

    let settings = folder.settings(&source_with("ack = \"responder\""));
    assert_eq!(settings.responders().into_values().next(), Some(None));
}

#[test]
fn faulty_acknowledgement_is_explained() {
    let at = "hookyard.toml:4: tenants.acme.sources.x.";
    for (lines, expected) in [
        (
            "ack = \"handeled\"",
            "ack: unknown acknowledgement `handeled`; did you mean `handled`? (choose one of \
             stored, handled, responder)",
        ),
        (
            "ack_timeout = \"3s\"",
            "ack_timeout: has no effect; add `ack = \"handled\"` or `ack = \"responder\"`, or remove \
             the key",
        ),
        (
            "responder = \"bot\"",
            "responder: has no effect; add `ack = \"responder\"`, or remove the key",
        ),
    ] {
        check(&source_with(lines), &format!("{at}{expected}"));
    }

    let long = source_with("ack = \"handled\"\nack_timeout = \"61s\"");
    let expected = "hookyard.toml:5: tenants.acme.sources.x.ack_timeout: is longer than 60 s, the \
                    longest time that a request may wait";
    check(&long, expected);
}
