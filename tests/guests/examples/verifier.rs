//! Verifies a signature that no recipe can describe: its key is derived from the date, as in AWS
//! Signature Version 4. The header `x-behaviour` asks for something worse.

use exports::hookyard::verifier::verification::{Accepted, Guest, Key, Refusal, Request};
use hookyard::verifier::crypto;
use hookyard::verifier::types::Hash;

wit_bindgen::generate!({
    path: "../../wit/verifier",
    world: "verifier",
});

struct Verifier;

impl Guest for Verifier {
    fn verify(request: Request, keys: Vec<Key>) -> Result<Accepted, Refusal> {
        misbehave(&request, &keys);
        let date = header(&request, "x-date")?;
        let millis: u64 = date
            .parse()
            .map_err(|_| Refusal::Malformed("the header `x-date`".to_owned()))?;
        let tag = unhex(&header(&request, "x-signature")?)
            .ok_or_else(|| Refusal::Malformed("the header `x-signature`".to_owned()))?;
        let region = request
            .setting("region")
            .ok_or_else(|| Refusal::Other("the setting `region` is missing".to_owned()))?;

        let signed = [
            request.method().into_bytes(),
            request.url().unwrap_or_default().into_bytes(),
            crypto::digest(Hash::Sha256, &request.body()),
        ]
        .join(&b'\n');
        let is_valid = keys.iter().any(|key| {
            let derived = key
                .with_prefix(b"ODD")
                .and_then(|key| key.derive(Hash::Sha256, date.as_bytes()))
                .and_then(|key| key.derive(Hash::Sha256, region.as_bytes()));
            derived.is_some_and(|key| key.hmac_matches(Hash::Sha256, &signed, &tag))
        });
        if !is_valid {
            return Err(Refusal::BadSignature);
        }
        Ok(Accepted {
            id: header(&request, "x-id").ok(),
            signed_at: Some(millis),
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

fn misbehave(request: &Request, keys: &[Key]) {
    match header(request, "x-behaviour").as_deref() {
        Ok("panic") => panic!("the sender is never right"),
        Ok("loop") => loop {
            std::hint::black_box(0);
        },
        Ok("call") => loop {
            std::hint::black_box(request.method());
        },
        Ok("grow") => {
            std::hint::black_box(vec![1_u8; 1 << 30]);
        }
        Ok("keys") => {
            let derived: Vec<_> = (0..10_000)
                .map(|_| keys[0].derive(Hash::Sha1, b""))
                .collect();
            std::hint::black_box(derived.len());
        }
        _ => {}
    }
}
