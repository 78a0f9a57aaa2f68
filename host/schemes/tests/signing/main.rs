//! What we sign verifies by our own verifiers and nothing that differs by a bit does; keys sign in their time only.
//!
//! That others' libraries verify it too is shown by the integration tests, on what the host sends.

mod keys;
mod known;
mod refused;
mod roundtrip;
mod rotation;

use hookyard_model::{Header, Timestamp};
use hookyard_schemes::hmac::{Encoding, Field, Hash, Part, Recipe};
use hookyard_schemes::sign::Outgoing;
use hookyard_schemes::{
    Refusal, Request, Secret, Signer, SigningKey, SigningScheme, Verdict, Verified, Verifier,
};

/// The present moment of every test.
const NOW: Timestamp = Timestamp::from_unix_secs(1_700_000_000);
const ID: &str = "0199f1c8-6a52-7d10-8f3b-1c9a5d2e7b40";

fn outgoing(body: &[u8]) -> Outgoing<'_> {
    Outgoing {
        id: ID,
        body,
        now: NOW,
        event_type: None,
    }
}

fn always(secrets: &[&str]) -> Vec<SigningKey> {
    secrets
        .iter()
        .map(|secret| SigningKey::always(Secret::from(*secret)))
        .collect()
}

fn signer(scheme: SigningScheme) -> Signer {
    Signer::new(scheme).expect("settings that are right")
}

fn verify(verifier: &Verifier, headers: &[Header], body: &[u8]) -> Result<Verified, Refusal> {
    let request = Request {
        method: "POST",
        path: "/",
        tail: None,
        query: None,
        headers,
        body,
    };
    match verifier.verify(&request, &(), NOW)? {
        Verdict::Event(verified) => Ok(verified),
        other => panic!("not an event: {other:?}"),
    }
}

fn value<'h>(headers: &'h [Header], name: &str) -> &'h str {
    let mut found = headers.iter().filter(|header| header.name == name);
    let header = found
        .next()
        .unwrap_or_else(|| panic!("{name} is not among {headers:?}"));
    assert!(found.next().is_none(), "{name} occurs once");
    std::str::from_utf8(&header.value).expect("text")
}

/// As GitHub signs: the body alone, in hex.
fn github() -> Recipe {
    let signature = Field {
        header: "X-Hub-Signature-256".into(),
        part: Part::After("sha256=".into()),
    };
    Recipe {
        hash: Hash::Sha256,
        encoding: Encoding::Hex,
        key: Encoding::Utf8,
        signature,
        timestamp: None,
        id: None,
        signed: "{body}".into(),
    }
}
