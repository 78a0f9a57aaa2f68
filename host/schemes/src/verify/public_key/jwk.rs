//! JSON Web Keys and sets of them (RFC 7517) as bytes.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hookyard_model::excerpt;
use serde_json::Value;

use super::{POINT, PublicKey, PublicKeys, SkippedKey, der, unusable};
use crate::SetupError;

/// Senders publish a handful of keys, and each key costs time for every request.
const SET_KEYS_MAX: usize = 100;

/// Reads a key, or a set with at least one usable key.
pub(super) fn read(text: &str) -> Result<PublicKeys, SetupError> {
    let document: Value =
        serde_json::from_str(text).map_err(|_| unusable("it begins like JSON and is not JSON"))?;
    let Some(members) = document.get("keys") else {
        let key = key(&document).map_err(unusable)?;
        return Ok(PublicKeys {
            keys: vec![key],
            skipped: Vec::new(),
        });
    };

    let members = members
        .as_array()
        .ok_or_else(|| unusable("its `keys` is not a list; a JWK set has a list there"))?;
    if members.len() > SET_KEYS_MAX {
        return Err(unusable(format!(
            "it is a set of more than {SET_KEYS_MAX} keys"
        )));
    }

    let mut set = PublicKeys::default();
    for (index, member) in members.iter().enumerate() {
        match key(member) {
            Ok(key) => set.keys.push(key),
            Err(why) => set.skipped.push(SkippedKey {
                name: name_of(text_of(member, "kid"), index),
                why,
            }),
        }
    }
    if set.keys.is_empty() {
        return Err(nothing_usable(&set.skipped));
    }
    Ok(set)
}

/// Returns the error for a set without a usable key.
pub(super) fn nothing_usable(skipped: &[SkippedKey]) -> SetupError {
    if skipped.is_empty() {
        return unusable("it is a set without keys");
    }
    let reasons: Vec<_> = skipped.iter().map(SkippedKey::to_string).collect();
    unusable(format!(
        "it is a set without a usable key ({})",
        reasons.join("; ")
    ))
}

/// Returns the name of a key in messages: its id, or its position from 1.
pub(super) fn name_of(id: Option<&str>, index: usize) -> String {
    id.map_or_else(
        || (index + 1).to_string(),
        |id| format!("\"{}\"", excerpt(id)),
    )
}

/// Reads one key. The error completes "key 1: …".
fn key(document: &Value) -> Result<PublicKey, String> {
    check_purpose(document)?;
    let bytes = match (text_of(document, "kty"), text_of(document, "crv")) {
        (Some("OKP"), Some("Ed25519")) => number(document, "x")?,
        (Some("EC"), Some("P-256" | "P-384")) => {
            [vec![POINT], number(document, "x")?, number(document, "y")?].concat()
        }
        (Some("RSA"), _) => der::rsa(&number(document, "n")?, &number(document, "e")?),
        (Some("EC" | "OKP"), Some(curve)) => {
            return Err(format!(
                "its curve, {}, is not supported; P-256, P-384 and Ed25519 are",
                excerpt(curve)
            ));
        }
        (Some(kty), _) => {
            return Err(format!(
                "its `kty`, {}, is not supported; EC, OKP and RSA are",
                excerpt(kty)
            ));
        }
        (None, _) => return Err("it has no `kty`, the type of the key".to_owned()),
    };
    Ok(PublicKey {
        id: text_of(document, "kid").map(str::to_owned),
        algorithm: text_of(document, "alg").map(str::to_owned),
        bytes,
    })
}

/// Refuses private keys, and keys that are not for signatures.
fn check_purpose(document: &Value) -> Result<(), String> {
    if document.get("d").is_some() {
        return Err(
            "it is a private key, which only the sender may have; give the public key, \
                    without `d`"
                .to_owned(),
        );
    }
    if text_of(document, "use").is_some_and(|purpose| purpose != "sig") {
        return Err("its `use` is not `sig`, so it is not for signatures".to_owned());
    }
    let verifies = |operations: &Value| {
        let operations = operations.as_array().map(Vec::as_slice).unwrap_or_default();
        operations.iter().any(|operation| operation == "verify")
    };
    match document.get("key_ops") {
        Some(operations) if !verifies(operations) => {
            Err("its `key_ops` do not include `verify`, so it is not for signatures".to_owned())
        }
        _ => Ok(()),
    }
}

fn text_of<'a>(document: &'a Value, name: &str) -> Option<&'a str> {
    document.get(name).and_then(Value::as_str)
}

/// Returns a number of the key, in bytes.
fn number(document: &Value, name: &str) -> Result<Vec<u8>, String> {
    let text = text_of(document, name).ok_or_else(|| format!("it has no `{name}`"))?;
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .filter(|bytes| !bytes.is_empty())
        .ok_or_else(|| format!("its `{name}` is not base64url"))
}
