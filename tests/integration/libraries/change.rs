//! Changes of a byte in a signed request.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::case::Request;

/// Where a byte is changed. A letter stays a letter and a digit stays a digit, so that the request
/// stays well-formed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// The first, the middle and the last letter or digit of the body.
    Body,
    /// The first letter or digit of a header, after the last occurrence of a text.
    First(&'static str, &'static str),
    /// The last letter or digit of the word in a header, after the last occurrence of a text. The
    /// last digit of a time stays within each tolerance.
    Last(&'static str, &'static str),
    /// The last letter or digit of the query.
    Query,
    /// The last digit in the claims of a JSON Web Token, after a text in the header.
    Claims(&'static str, &'static str),
}

impl Change {
    /// Returns the changed requests.
    pub(super) fn of(self, request: &Request) -> Result<Vec<Request>> {
        match self {
            Self::Body => bodies(request),
            Self::First(name, before) => {
                header(request, name, before, |rest| Ok(changed_at(rest, 0)))
            }
            Self::Last(name, before) => header(request, name, before, |rest| {
                let word = rest.bytes().take_while(u8::is_ascii_alphanumeric);
                let last = word.count().checked_sub(1).context("no word")?;
                Ok(changed_at(rest, last))
            }),
            Self::Query => {
                let last = request.query.len().checked_sub(1).context("no query")?;
                Ok(vec![Request {
                    query: changed_at(&request.query, last),
                    ..request.clone()
                }])
            }
            Self::Claims(name, before) => header(request, name, before, with_other_claims),
        }
    }
}

fn bodies(request: &Request) -> Result<Vec<Request>> {
    let body = &request.webhook.body;
    let places: Vec<usize> = (0..body.len())
        .filter(|at| body[*at].is_ascii_alphanumeric())
        .collect();
    let (first, last) = (places.first(), places.last());
    let places = [first, places.get(places.len() / 2), last];
    let changed = places.into_iter().flatten().map(|at| {
        let mut body = body.to_vec();
        body[*at] = other(body[*at]);
        let webhook = request.webhook.clone().with_body(body);
        Request {
            webhook,
            ..request.clone()
        }
    });
    let changed: Vec<_> = changed.collect();
    ensure!(!changed.is_empty(), "the body has no letter and no digit");
    Ok(changed)
}

/// Changes the text of a header after the last occurrence of another text.
fn header(
    request: &Request,
    name: &str,
    before: &str,
    change: impl FnOnce(&str) -> Result<String>,
) -> Result<Vec<Request>> {
    let value = request.webhook.header(name);
    let at = match before {
        "" => 0,
        before => value.rfind(before).context("the text is missing")? + before.len(),
    };
    let (kept, rest) = value.split_at(at);
    let value = format!("{kept}{}", change(rest)?);
    let webhook = request.webhook.clone().with(name, &value);
    Ok(vec![Request {
        webhook,
        ..request.clone()
    }])
}

/// Changes the claims of a token, and keeps its header and its signature.
fn with_other_claims(token: &str) -> Result<String> {
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    let claims = parts.get_mut(1).context("the token has no claims")?;
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(claims.as_str())?)?;
    let last = text.rfind(|char: char| char.is_ascii_digit());
    *claims = URL_SAFE_NO_PAD.encode(changed_at(&text, last.context("the claims have no digit")?));
    Ok(parts.join("."))
}

/// Returns a text with another letter or digit at an index.
pub(super) fn changed_at(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = other(bytes[at]);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns another letter or digit of the same kind, which is also another digit of hexadecimal
/// numbers.
fn other(byte: u8) -> u8 {
    match byte {
        b'1' | b'a' | b'A' => byte + 1,
        b'0'..=b'9' => b'1',
        b'a'..=b'z' => b'a',
        _ => b'A',
    }
}
