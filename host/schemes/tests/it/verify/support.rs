//! Requests and verifiers for the tests of schemes.

use hookyard_model::{Header, Timestamp};
use hookyard_schemes::{
    Headers, Refusal, Request, Scheme, SetupError, Verdict, Verification, Verified, Verifier,
};

/// The current time in every test.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_secs(1_700_000_000);

pub(crate) fn headers(pairs: &[(&str, &str)]) -> Vec<Header> {
    pairs
        .iter()
        .map(|(name, value)| Header {
            name: name.to_ascii_lowercase(),
            value: value.to_string().into(),
        })
        .collect()
}

pub(crate) fn request<'a>(headers: &'a dyn Headers, body: &'a [u8]) -> Request<'a> {
    Request {
        method: "POST",
        path: "/acme/orders",
        tail: None,
        query: None,
        headers,
        body,
    }
}

pub(crate) fn verifier(scheme: Scheme) -> Verifier {
    Verifier::new(scheme).expect("valid settings")
}

pub(crate) fn setup_error(scheme: Scheme) -> SetupError {
    Verifier::new(scheme).expect_err("invalid settings")
}

/// Verifies a request without certificates, for schemes that need none.
pub(crate) fn verify(
    verifier: &Verifier,
    pairs: &[(&str, &str)],
    body: &[u8],
) -> Result<Verified, Refusal> {
    match verifier.verify(&request(&headers(pairs), body), &(), NOW)? {
        Verification::Complete(Verdict::Event(verified)) => Ok(verified),
        other => panic!("not an event: {other:?}"),
    }
}

pub(crate) fn reason(result: Result<Verified, Refusal>) -> &'static str {
    result.map_or_else(|refusal| refusal.reason(), |_| "accepted")
}
