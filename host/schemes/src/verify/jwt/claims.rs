//! The claims of a token (RFC 7519, 4) and their check.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::digest;
use hookyard_model::Timestamp;
use serde_json::value::RawValue;

use super::{ExpectedClaim, QueryHash, Settings};
use crate::Refusal;
use crate::json::{object, string};
use crate::value::Fields;

/// The latest time that a claim can name, in seconds since 1970. Later times are mistakes, such as
/// milliseconds.
const SECONDS_MAX: f64 = 100_000_000_000.0;
/// The maximum length of a token's id, in bytes.
const ID_BYTES_MAX: usize = 256;

/// The claims of one token.
pub(super) struct Claims<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Claims<'a> {
    /// Reads the payload of a token. The error completes "the header `x` …".
    pub(super) fn read(payload: &'a [u8]) -> Result<Self, &'static str> {
        object(payload)
            .map(Self)
            .map_err(|_| "is a token whose claims are not a JSON object without repeated names")
    }

    /// Returns the id of the token, `jti`.
    pub(super) fn id(&self) -> Option<String> {
        let id = string(self.0.get("jti")?)?;
        (1..=ID_BYTES_MAX).contains(&id.len()).then_some(id)
    }

    fn value(&self, claim: &str) -> Result<&'a RawValue, Refusal> {
        let value = self.0.get(claim).copied();
        value.ok_or_else(|| Refusal::MissingClaim {
            claim: claim.to_owned(),
        })
    }

    fn text(&self, claim: &str) -> Result<String, Refusal> {
        string(self.value(claim)?).ok_or_else(|| wrong(claim))
    }

    /// Returns a text, or the texts of a list.
    fn texts(&self, claim: &str) -> Result<Vec<String>, Refusal> {
        let value = self.value(claim)?;
        match string(value) {
            Some(text) => Ok(vec![text]),
            None => serde_json::from_str(value.get()).map_err(|_| wrong(claim)),
        }
    }

    /// Returns a time: a number of seconds since 1970, which may have a fraction.
    fn time(&self, claim: &str) -> Result<Option<Timestamp>, Refusal> {
        if !self.0.contains_key(claim) {
            return Ok(None);
        }
        let seconds: f64 =
            serde_json::from_str(self.value(claim)?.get()).map_err(|_| wrong(claim))?;
        if !(0.0..=SECONDS_MAX).contains(&seconds) {
            return Err(wrong(claim));
        }
        // The number is in the range, so that nothing is cut off but a part of a millisecond.
        Ok(Some(Timestamp::from_unix_millis((seconds * 1000.0) as i64)))
    }
}

/// The rules for the claims of a source.
#[derive(Debug)]
pub(super) struct ClaimsVerifier {
    issuers: Vec<String>,
    audiences: Vec<String>,
    emails: Vec<String>,
    claims: Vec<ExpectedClaim>,
    leeway: Duration,
    max_age: Option<Duration>,
    body_sha256: Option<String>,
    query_hash: Option<QueryHash>,
}

impl ClaimsVerifier {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            issuers: settings.issuers,
            audiences: settings.audiences,
            emails: settings.emails,
            claims: settings.claims,
            leeway: settings.leeway,
            max_age: settings.max_age,
            body_sha256: settings.body_sha256,
            query_hash: settings.query_hash,
        }
    }

    /// Checks the claims against the rules, the request and the time.
    pub(super) fn check(
        &self,
        claims: &Claims<'_>,
        fields: &Fields<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.check_times(claims, now)?;
        self.check_parties(claims)?;

        if let Some(claim) = &self.body_sha256
            && claims.text(claim)? != sha256_hex(fields.request().body)
        {
            return Err(Refusal::WrongDigest {
                name: claim.clone(),
            });
        }
        if let Some(hash) = &self.query_hash
            && claims.text(&hash.claim)? != hash.of(fields)?
        {
            return Err(wrong(&hash.claim));
        }
        Ok(())
    }

    fn check_times(&self, claims: &Claims<'_>, now: Timestamp) -> Result<(), Refusal> {
        let expires = claims.time("exp")?;
        if expires.is_none() && self.max_age.is_none() {
            return Err(missing("exp"));
        }
        if expires.is_some_and(|time| now > time.after(self.leeway)) {
            return Err(Refusal::StaleTimestamp);
        }

        let issued = claims.time("iat")?;
        let starts = [claims.time("nbf")?, issued];
        if starts
            .iter()
            .flatten()
            .any(|time| *time > now.after(self.leeway))
        {
            return Err(Refusal::FutureTimestamp);
        }

        let Some(max_age) = self.max_age else {
            return Ok(());
        };
        let issued = issued.ok_or_else(|| missing("iat"))?;
        if now.since(issued) > max_age {
            return Err(Refusal::StaleTimestamp);
        }
        Ok(())
    }

    /// Checks who has issued the token, for whom, and in whose name.
    fn check_parties(&self, claims: &Claims<'_>) -> Result<(), Refusal> {
        if !self.issuers.is_empty() && !self.issuers.contains(&claims.text("iss")?) {
            return Err(wrong("iss"));
        }
        if !self.audiences.is_empty() {
            let given = claims.texts("aud")?;
            if !given
                .iter()
                .any(|audience| self.audiences.contains(audience))
            {
                return Err(wrong("aud"));
            }
        }
        if !self.emails.is_empty() {
            check_email(&self.emails, claims)?;
        }
        self.claims
            .iter()
            .try_for_each(|expected| check_claim(expected, claims))
    }
}

/// Checks the e-mail address, which proves nothing unless the issuer has verified it.
fn check_email(emails: &[String], claims: &Claims<'_>) -> Result<(), Refusal> {
    if !emails.contains(&claims.text("email")?) {
        return Err(wrong("email"));
    }
    if claims.value("email_verified")?.get() != "true" {
        return Err(wrong("email_verified"));
    }
    Ok(())
}

fn check_claim(expected: &ExpectedClaim, claims: &Claims<'_>) -> Result<(), Refusal> {
    let present = expected
        .names
        .iter()
        .find(|name| claims.0.contains_key(*name));
    let name = present.ok_or_else(|| missing(&expected.names.join("` or `")))?;
    if claims.text(name)? == expected.value {
        Ok(())
    } else {
        Err(wrong(name))
    }
}

fn missing(claim: &str) -> Refusal {
    Refusal::MissingClaim {
        claim: claim.to_owned(),
    }
}

fn wrong(claim: &str) -> Refusal {
    Refusal::WrongClaim {
        claim: claim.to_owned(),
    }
}

/// Returns the SHA-256 of bytes, in hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
