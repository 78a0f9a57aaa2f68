//! The work that the floors do for each request: verify a Svix signature, and compare the sum of an
//! order with its total. The plugin of the host does the second part, and the host the first.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

/// How far the signed time may be from the present.
const TOLERANCE: Duration = Duration::from_secs(300);

/// A shared secret, `whsec_` and base64.
pub(crate) struct Secret(hmac::Key);

impl Secret {
    pub(crate) fn new(text: &str) -> Result<Self> {
        let bytes = STANDARD
            .decode(text.trim().trim_start_matches("whsec_"))
            .context("the secret is not base64")?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Returns the signature of a message whose body consists of these parts, in base64.
    pub(crate) fn sign(&self, id: &str, timestamp: &str, body: &[&[u8]]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b"."] {
            context.update(part);
        }
        for part in body {
            context.update(part);
        }
        STANDARD.encode(context.sign().as_ref())
    }

    /// Returns whether the headers sign this body, and not too long ago.
    pub(crate) fn verify(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(id), Some(timestamp), Some(signatures)) = (
            text("svix-id"),
            text("svix-timestamp"),
            text("svix-signature"),
        ) else {
            return false;
        };
        if !is_recent(timestamp) {
            return false;
        }

        let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        signatures
            .split(' ')
            .filter_map(|signature| signature.strip_prefix("v1,"))
            .filter_map(|signature| STANDARD.decode(signature).ok())
            .any(|tag| hmac::verify(&self.0, &message, &tag).is_ok())
    }
}

/// Returns the current time in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn is_recent(timestamp: &str) -> bool {
    timestamp
        .parse::<u64>()
        .is_ok_and(|signed| now().abs_diff(signed) <= TOLERANCE.as_secs())
}

#[derive(Deserialize)]
struct Event<'a> {
    event_id: &'a str,
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    offer: Offer<'a>,
}

#[derive(Deserialize)]
struct Offer<'a> {
    #[serde(borrow)]
    offer_lines: Vec<Line<'a>>,
    #[serde(borrow)]
    total_price: Price<'a>,
}

#[derive(Deserialize)]
struct Line<'a> {
    quantity: i64,
    #[serde(borrow)]
    product_price: Price<'a>,
}

#[derive(Deserialize)]
struct Price<'a> {
    value: i64,
    currency: &'a str,
}

/// The answer to an order.
#[derive(Serialize)]
struct Checked<'a> {
    event_id: &'a str,
    sum: i64,
    currency: &'a str,
    is_total: bool,
}

/// Returns the answer to an order as JSON, and the order's id. Returns `None` if the body is not an
/// order.
pub(crate) fn check(body: &[u8]) -> Option<(&str, Vec<u8>)> {
    let event: Event<'_> = serde_json::from_slice(body).ok()?;
    let Offer {
        offer_lines,
        total_price,
    } = event.payload.offer;
    let sum = offer_lines.iter().try_fold(0i64, |sum, line| {
        sum.checked_add(line.quantity.checked_mul(line.product_price.value)?)
    })?;
    let is_same_currency = offer_lines
        .iter()
        .all(|line| line.product_price.currency == total_price.currency);

    let answer = Checked {
        event_id: event.event_id,
        sum,
        currency: total_price.currency,
        is_total: is_same_currency && sum == total_price.value,
    };
    Some((event.event_id, serde_json::to_vec(&answer).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(timestamp: u64, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("svix-id", "msg_1"),
            ("svix-timestamp", &timestamp.to_string()),
            ("svix-signature", &format!("v1,{signature}")),
        ] {
            headers.insert(name, value.parse().expect("a header's value"));
        }
        headers
    }

    #[test]
    fn only_recent_genuine_signatures_verify() {
        let secret = Secret::new("whsec_c2VjcmV0").expect("a secret");
        let (now, old) = (now(), now() - 400);
        let sign = |time: u64| secret.sign("msg_1", &time.to_string(), &[b"{", b"}"]);
        assert!(secret.verify(&headers(now, &sign(now)), b"{}"));
        assert!(!secret.verify(&headers(now, &sign(now)), b"{ }"));
        assert!(!secret.verify(&headers(now, &sign(old)), b"{}"));
        assert!(!secret.verify(&headers(old, &sign(old)), b"{}"));
        assert!(!secret.verify(&HeaderMap::new(), b"{}"));
    }

    #[test]
    fn sample_adds_up_to_its_total() {
        let sample = hookyard_testkit::samples::one("topi-saas", "offer-accepted-by-user")
            .expect("the sample is in the repository");
        let (id, answer) = check(sample.body.as_bytes()).expect("the sample is an order");
        assert_eq!(id, "a1b2c3d4-e5f6-7890-abcd-ef1234567890");
        let answer = String::from_utf8(answer).expect("the answer is JSON");
        assert!(
            answer.ends_with(r#""sum":499800,"currency":"EUR","is_total":true}"#),
            "{answer}"
        );
        assert!(check(b"{}").is_none());
    }
}
