//! Removes credentials from texts and HTTP answers.
//!
//! Answers are cleaned before a guest sees them, log lines and reasons before anybody does. A
//! credential is found as the host sends it, and in the forms that a server is likely to return:
//! the part after `Bearer` or `Basic`, the password, and the pair of user and password that Basic
//! encodes. Each of these is found as plain text, percent-encoded, in base64, and as a quoted JSON
//! string.
//!
//! Anything else that a server derives from a credential, such as a hash or the reversed text, is
//! not found. A host that receives a credential is trusted with it.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Grants;

/// The text that replaces a credential.
pub(crate) const REDACTED: &str = "[redacted]";
/// The minimum size of a part of a credential, in bytes. Shorter parts would be found in unrelated
/// text.
const PART_BYTES_MIN: usize = 6;

/// Finds the credentials of one plugin.
#[derive(Clone, Default)]
pub(crate) struct Scrub {
    /// All forms of all credentials. The longest come first, so that of two with the same beginning
    /// the longer one is removed.
    needles: Vec<Vec<u8>>,
}

impl Scrub {
    /// Collects all credentials that a plugin was granted.
    pub(crate) fn new(grants: &Grants) -> Self {
        let credentials = grants
            .http
            .values()
            .flat_map(|grant| grant.credentials.values());
        let forms: BTreeSet<Vec<u8>> = credentials
            .flat_map(|value| secret_parts(value.as_bytes()))
            .flat_map(|part| encoded_forms(&part))
            .collect();

        let mut needles: Vec<_> = forms.into_iter().collect();
        needles.sort_by_key(|needle| Reverse(needle.len()));
        Self { needles }
    }

    /// Whether the plugin has no credentials.
    pub(crate) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// Returns the length of the longest form of a credential, in bytes.
    ///
    /// A text that is cut must keep this many bytes beyond the cut until it has been cleaned.
    /// Otherwise half of a credential could stay in front of the cut.
    pub(crate) fn longest(&self) -> usize {
        self.needles.first().map_or(0, Vec::len)
    }

    /// Returns the bytes without credentials, borrowed if there are none.
    pub(crate) fn bytes<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        if self.needles.is_empty() {
            return Cow::Borrowed(bytes);
        }

        let mut cleaned = Vec::new();
        let (mut copied, mut at) = (0, 0);
        while at < bytes.len() {
            match self.needle_at(&bytes[at..]) {
                Some(length) => {
                    cleaned.extend_from_slice(&bytes[copied..at]);
                    cleaned.extend_from_slice(REDACTED.as_bytes());
                    at += length;
                    copied = at;
                }
                None => at += 1,
            }
        }

        if copied == 0 {
            return Cow::Borrowed(bytes);
        }
        cleaned.extend_from_slice(&bytes[copied..]);
        Cow::Owned(cleaned)
    }

    /// Returns the text without credentials, borrowed if there are none.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Returns an answer's headers without credentials. A header whose name contains a credential
    /// is left out.
    pub(crate) fn headers(&self, headers: HeaderMap) -> HeaderMap {
        if self.needles.is_empty() {
            return headers;
        }

        headers
            .iter()
            .filter(|(name, _)| !self.is_in_name(name))
            .map(|(name, value)| (name.clone(), self.header_value(value)))
            .collect()
    }

    /// Whether a header's name contains a credential. Names of headers are in lower case.
    fn is_in_name(&self, name: &HeaderName) -> bool {
        let name = name.as_str().as_bytes();
        self.needles.iter().any(|needle| {
            name.windows(needle.len())
                .any(|part| part.eq_ignore_ascii_case(needle))
        })
    }

    fn header_value(&self, value: &HeaderValue) -> HeaderValue {
        match self.bytes(value.as_bytes()) {
            Cow::Borrowed(_) => value.clone(),
            Cow::Owned(bytes) => {
                HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static(REDACTED))
            }
        }
    }

    /// Returns the length of the credential at the start of the bytes.
    fn needle_at(&self, bytes: &[u8]) -> Option<usize> {
        self.needles
            .iter()
            .find(|needle| bytes.starts_with(needle))
            .map(Vec::len)
    }
}

impl fmt::Debug for Scrub {
    /// Prints the number of forms only, since the forms are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrub({})", self.needles.len())
    }
}

/// Returns a credential and the parts of it that are secret on their own.
fn secret_parts(value: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = vec![value.to_vec()];
    let text = String::from_utf8_lossy(value);

    if let Some((scheme, token)) = text.split_once(' ') {
        let token = token.trim();
        parts.push(token.as_bytes().to_vec());

        if scheme.eq_ignore_ascii_case("basic")
            && let Ok(pair) = STANDARD_NO_PAD.decode(token.trim_end_matches('='))
        {
            if let Some(colon) = pair.iter().position(|byte| *byte == b':') {
                parts.push(pair[colon + 1..].to_vec());
            }
            parts.push(pair);
        }
    }

    parts.retain(|part| part.len() >= PART_BYTES_MIN);
    parts
}

/// Returns the forms in which a server is likely to return a secret.
fn encoded_forms(secret: &[u8]) -> [Vec<u8>; 6] {
    let quoted = serde_json::to_string(&String::from_utf8_lossy(secret)).expect("a string is JSON");
    [
        secret.to_vec(),
        percent_encoded(secret, |byte| format!("%{byte:02X}")),
        percent_encoded(secret, |byte| format!("%{byte:02x}")),
        STANDARD_NO_PAD.encode(secret).into_bytes(),
        URL_SAFE_NO_PAD.encode(secret).into_bytes(),
        quoted.trim_matches('"').as_bytes().to_vec(),
    ]
}

fn percent_encoded(bytes: &[u8], escape: fn(u8) -> String) -> Vec<u8> {
    let mut encoded = Vec::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            encoded.push(*byte);
        } else {
            encoded.extend(escape(*byte).into_bytes());
        }
    }
    encoded
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
    fn credential_is_found_in_every_form() {
        let token = scrub(&["Bearer tok/en+\"1\"x"]);
        // The encoded pair is `user:pass word`.
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
    fn credentials_of_all_hosts_are_found() {
        let two = scrub(&["first-secret", "second-secret"]);
        assert_eq!(
            two.text("second-secret and first-secret"),
            "[redacted] and [redacted]"
        );
        assert_eq!(two.longest(), "c2Vjb25kLXNlY3JldA".len());
        let none = scrub(&[]);
        assert!(matches!(none.bytes(b"anything"), Cow::Borrowed(_)));
        assert_eq!(none.longest(), 0);
    }

    #[test]
    fn credentials_are_removed_from_headers() {
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
        let kept: Vec<_> = cleaned
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
            .collect();
        assert_eq!(kept, expected);
    }

    #[test]
    fn debug_output_hides_credentials() {
        assert_eq!(format!("{:?}", scrub(&["first-secret"])), "Scrub(2)");
    }
}
