//! Takes credentials out of what comes back: answers before a guest sees them, log lines and reasons before anybody does.
//!
//! Sought is each credential as it's sent, and what a server is likely to make of it: the part after `Bearer` or
//! `Basic`, the user's password and the pair that Basic encodes, each of these plain, percent-encoded, in base64 and as
//! JSON has it in quotes. What a server makes of a credential beyond that (its hash, its letters backwards) isn't
//! found: a host that is sent a credential is trusted with it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Grants;

/// What stands where something was taken out.
pub(crate) const REDACTED: &str = "[redacted]";
/// Shorter parts of a credential are left, since they would be found everywhere.
const PART_BYTES_MIN: usize = 6;

/// Finds the credentials of one plugin.
#[derive(Clone, Default)]
pub(crate) struct Scrub {
    /// Longest first, so that of two that begin alike the whole one goes.
    needles: Vec<Vec<u8>>,
}

impl Scrub {
    /// For all credentials that a plugin was granted.
    pub(crate) fn new(grants: &Grants) -> Self {
        let values = grants
            .http
            .values()
            .flat_map(|grant| grant.credentials.values());
        let forms: BTreeSet<Vec<u8>> = values
            .flat_map(|value| parts(value.as_bytes()))
            .flat_map(|part| forms(&part))
            .collect();
        let mut needles: Vec<_> = forms.into_iter().collect();
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        Self { needles }
    }

    /// Whether there's nothing to be found.
    pub(crate) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// How much of a text must be at hand to be sure that no credential begins in what is before it.
    pub(crate) fn reach(&self) -> usize {
        self.needles.first().map_or(0, Vec::len)
    }

    /// The bytes without credentials; the same bytes where there are none.
    pub(crate) fn bytes<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        if self.needles.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut kept = Vec::new();
        let (mut from, mut at) = (0, 0);
        while at < bytes.len() {
            match self.needle_at(&bytes[at..]) {
                Some(length) => {
                    kept.extend_from_slice(&bytes[from..at]);
                    kept.extend_from_slice(REDACTED.as_bytes());
                    at += length;
                    from = at;
                }
                None => at += 1,
            }
        }
        if from == 0 {
            return Cow::Borrowed(bytes);
        }
        kept.extend_from_slice(&bytes[from..]);
        Cow::Owned(kept)
    }

    /// As `bytes`, of a text.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// As `bytes`, of an answer's headers. One whose name is a credential is left out.
    pub(crate) fn headers(&self, headers: HeaderMap) -> HeaderMap {
        if self.needles.is_empty() {
            return headers;
        }
        let is_clean = |name: &HeaderName| {
            let lower = |needle: &Vec<u8>| needle.to_ascii_lowercase();
            !self.needles.iter().map(lower).any(|needle| {
                name.as_str()
                    .as_bytes()
                    .windows(needle.len())
                    .any(|at| at == needle)
            })
        };
        let clean = |value: &HeaderValue| match self.bytes(value.as_bytes()) {
            Cow::Borrowed(_) => value.clone(),
            Cow::Owned(bytes) => {
                HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static(REDACTED))
            }
        };
        let kept = headers.iter().filter(|(name, _)| is_clean(name));
        kept.map(|(name, value)| (name.clone(), clean(value)))
            .collect()
    }

    /// The length of the credential that the bytes begin with.
    fn needle_at(&self, bytes: &[u8]) -> Option<usize> {
        self.needles
            .iter()
            .find(|needle| bytes.starts_with(needle))
            .map(Vec::len)
    }
}

impl fmt::Debug for Scrub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrub({})", self.needles.len())
    }
}

/// A credential, and those of its parts that are one as well.
fn parts(value: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = vec![value.to_vec()];
    let text = String::from_utf8_lossy(value);
    if let Some((scheme, token)) = text.split_once(' ') {
        let token = token.trim();
        parts.push(token.as_bytes().to_vec());
        let pair = STANDARD_NO_PAD.decode(token.trim_end_matches('=')).ok();
        if let Some(pair) = pair.filter(|_| scheme.eq_ignore_ascii_case("basic")) {
            let password = pair
                .iter()
                .position(|byte| *byte == b':')
                .map(|colon| pair[colon + 1..].to_vec());
            parts.extend(password);
            parts.push(pair);
        }
    }
    parts.retain(|part| part.len() >= PART_BYTES_MIN);
    parts
}

/// What is likely to be made of it on its way back.
fn forms(part: &[u8]) -> [Vec<u8>; 6] {
    let percent = |digits: fn(u8) -> String| -> Vec<u8> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        part.iter()
            .flat_map(|byte| {
                if is_plain(*byte) {
                    vec![*byte]
                } else {
                    digits(*byte).into_bytes()
                }
            })
            .collect()
    };
    let quoted = serde_json::to_string(&String::from_utf8_lossy(part)).expect("texts make JSON");
    [
        part.to_vec(),
        percent(|byte| format!("%{byte:02X}")),
        percent(|byte| format!("%{byte:02x}")),
        STANDARD_NO_PAD.encode(part).into_bytes(),
        URL_SAFE_NO_PAD.encode(part).into_bytes(),
        quoted.trim_matches('"').as_bytes().to_vec(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Authority, HostGrant};

    fn scrub(values: &[&str]) -> Scrub {
        let grant = |value: &&str| {
            let mut credentials = HeaderMap::new();
            credentials.insert("authorization", value.parse().expect("a header's value"));
            HostGrant {
                credentials,
                ..HostGrant::default()
            }
        };
        let host = |n: usize| Authority {
            host: format!("host{n}"),
            port: 443,
        };
        let http = values
            .iter()
            .enumerate()
            .map(|(n, value)| (host(n), grant(value)))
            .collect();
        Scrub::new(&Grants {
            http,
            ..Grants::default()
        })
    }

    #[test]
    fn a_credential_is_found_in_the_forms_that_it_comes_back_in() {
        let token = scrub(&["Bearer tok/en+\"1\"x"]);
        // Of user:pass word.
        let basic = scrub(&["Basic dXNlcjpwYXNzIHdvcmQ="]);
        for (scrub, text, expected) in [
            (&token, "", ""),
            (&token, "you sent nothing", "you sent nothing"),
            (&token, "Bearer tok/en+\"1\"x", "[redacted]"),
            (
                &token,
                "authorization: Bearer tok/en+\"1\"x, twice: tok/en+\"1\"x.",
                "authorization: [redacted], twice: [redacted].",
            ),
            (&token, "t=tok%2Fen%2B%221%22x&u", "t=[redacted]&u"),
            (&token, "t=tok%2fen%2b%221%22x&u", "t=[redacted]&u"),
            (&token, r#"{"t":"tok/en+\"1\"x"}"#, r#"{"t":"[redacted]"}"#),
            (&token, "dG9rL2VuKyIxIng=", "[redacted]="),
            (&token, "tok/en+\"1\"", "tok/en+\"1\""),
            (&basic, "Basic dXNlcjpwYXNzIHdvcmQ=", "[redacted]"),
            (&basic, "dXNlcjpwYXNzIHdvcmQ", "[redacted]"),
            (&basic, "user:pass word", "[redacted]"),
            (&basic, "p=pass%20word", "p=[redacted]"),
            (&basic, "the user is user", "the user is user"),
        ] {
            assert_eq!(scrub.text(text), expected, "{text}");
        }
    }

    #[test]
    fn every_host_of_the_plugin_counts_and_one_without_credentials_costs_nothing() {
        let two = scrub(&["first-secret", "second-secret"]);
        assert_eq!(
            two.text("second-secret and first-secret"),
            "[redacted] and [redacted]"
        );
        assert_eq!(two.reach(), "c2Vjb25kLXNlY3JldA".len());
        let none = scrub(&[]);
        assert!(matches!(none.bytes(b"anything"), Cow::Borrowed(_)));
        assert_eq!(none.reach(), 0);
    }

    #[test]
    fn headers_are_cleaned_and_one_that_is_named_so_is_gone() {
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", "is first-secret here".parse().expect("a value"));
        headers.insert("x-first-secret", "1".parse().expect("a value"));
        headers.append("x-plain", "1".parse().expect("a value"));
        headers.append("x-plain", "2".parse().expect("a value"));
        let cleaned = scrub(&["first-secret"]).headers(headers);
        let expected = [
            ("x-echo", "is [redacted] here"),
            ("x-plain", "1"),
            ("x-plain", "2"),
        ];
        let told: Vec<_> = cleaned
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn nothing_of_it_is_printed() {
        assert_eq!(format!("{:?}", scrub(&["first-secret"])), "Scrub(2)");
    }
}
