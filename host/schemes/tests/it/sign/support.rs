//! Messages, signers and verifiers for the tests of signing.

use hookyard_model::{Header, Timestamp};
use hookyard_schemes::{
    Refusal, Request, Secret, Signer, SigningKey, SigningScheme, UnsignedMessage, Verdict,
    Verification, Verified, Verifier,
};

/// The current time in every test.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_secs(1_700_000_000);
pub(crate) const ID: &str = "0199f1c8-6a52-7d10-8f3b-1c9a5d2e7b40";

pub(crate) fn message(body: &[u8]) -> UnsignedMessage<'_> {
    UnsignedMessage {
        id: ID,
        body,
        now: NOW,
        event_type: None,
    }
}

pub(crate) fn always(secrets: &[&str]) -> Vec<SigningKey> {
    secrets
        .iter()
        .map(|secret| SigningKey::always(Secret::from(*secret)))
        .collect()
}

pub(crate) fn signer(scheme: SigningScheme) -> Signer {
    Signer::new(scheme).expect("valid settings")
}

pub(crate) fn verify(
    verifier: &Verifier,
    headers: &[Header],
    body: &[u8],
) -> Result<Verified, Refusal> {
    let request = Request {
        method: "POST",
        path: "/",
        tail: None,
        query: None,
        headers: &headers,
        body,
    };

    match verifier.verify(&request, &(), NOW)? {
        Verification::Complete(Verdict::Event(verified)) => Ok(verified),
        other => panic!("not an event: {other:?}"),
    }
}

pub(crate) fn value<'h>(headers: &'h [Header], name: &str) -> &'h str {
    let mut found = headers.iter().filter(|header| header.name == name);
    let header = found
        .next()
        .unwrap_or_else(|| panic!("{name} is not among {headers:?}"));
    assert!(found.next().is_none(), "{name} occurs once");
    std::str::from_utf8(&header.value).expect("text")
}
