//! What the signed cases don't show: answers beside accept and refuse, settings that are refused, sizes and shapes that no
//! sender has. Keys are made on the spot, and signed with by code that the verifiers don't use.

mod credential;
mod describe;
mod hmac;
mod json;
mod jws;
mod robust;
mod sns;
mod standard_webhooks;

use hookyard_model::{Header, Timestamp};
use hookyard_schemes::{Refusal, Request, Scheme, SetupError, Verdict, Verified, Verifier};

/// The present moment of every test.
const NOW: Timestamp = Timestamp::from_unix_secs(1_700_000_000);

fn headers(pairs: &[(&str, &str)]) -> Vec<Header> {
    pairs
        .iter()
        .map(|(name, value)| Header {
            name: name.to_ascii_lowercase(),
            value: value.to_string().into(),
        })
        .collect()
}

fn request<'a>(headers: &'a [Header], body: &'a [u8]) -> Request<'a> {
    Request {
        method: "POST",
        path: "/acme/orders",
        tail: None,
        query: None,
        headers,
        body,
    }
}

fn verifier(scheme: Scheme) -> Verifier {
    Verifier::new(scheme).expect("settings that are right")
}

fn setup_error(scheme: Scheme) -> SetupError {
    Verifier::new(scheme).expect_err("settings that are wrong")
}

/// Verifies without any certificate, for schemes that need none.
fn verify(verifier: &Verifier, pairs: &[(&str, &str)], body: &[u8]) -> Result<Verified, Refusal> {
    match verifier.verify(&request(&headers(pairs), body), &(), NOW)? {
        Verdict::Event(verified) => Ok(verified),
        other => panic!("not an event: {other:?}"),
    }
}

fn reason(result: Result<Verified, Refusal>) -> &'static str {
    result.map_or_else(|refusal| refusal.reason(), |_| "accepted")
}
