//! The verifier of docs/verifiers.md. A test compares the two.

use exports::hookyard::verifier::verification::{Accepted, Guest, Key, Refusal, Request};
use hookyard::verifier::types::Hash;

wit_bindgen::generate!({ path: "../../wit/verifier", world: "verifier" });

struct Verifier;

impl Guest for Verifier {
    fn verify(request: Request, keys: Vec<Key>) -> Result<Accepted, Refusal> {
        let date = header(&request, "x-date")?;
        let tag = unhex(&header(&request, "x-signature")?)
            .ok_or_else(|| Refusal::Malformed("the header `x-signature`".to_owned()))?;

        // The key of a day is the HMAC of the date under the secret.
        let is_valid = keys.iter().any(|key| {
            key.derive(Hash::Sha256, date.as_bytes())
                .is_some_and(|key| key.hmac_matches(Hash::Sha256, &request.body(), &tag))
        });
        if !is_valid {
            return Err(Refusal::BadSignature);
        }
        Ok(Accepted {
            id: None,
            signed_at: None,
        })
    }
}

export!(Verifier);

fn header(request: &Request, name: &str) -> Result<String, Refusal> {
    let missing = || Refusal::Missing(format!("the header `{name}`"));
    let [value] = request.header(name).try_into().map_err(|_| missing())?;
    String::from_utf8(value).map_err(|_| missing())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}
