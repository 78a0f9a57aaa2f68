//! The query hash of Atlassian Connect: the SHA-256 of the method, the path and the sorted query
//! (developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps).

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::claims::sha256_hex;
use crate::Refusal;
use crate::value::Fields;

/// The characters that RFC 3986 does not reserve stay as they are.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The parameter that can hold the token itself.
const TOKEN_PARAMETER: &[u8] = b"jwt";

/// A claim with the hash of the method, the path and the query of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryHash {
    /// The name of the claim.
    pub claim: String,
    /// The path of the app's base URL, which is not a part of the hashed path, such as `/acme`.
    pub base: String,
}

impl QueryHash {
    /// Returns the hash of a request, in hexadecimal.
    pub(super) fn of(&self, fields: &Fields<'_>) -> Result<String, Refusal> {
        let request = fields.request();
        let query = canonical_query(fields)?;
        let method = request.method.to_ascii_uppercase();
        let path = canonical_path(request.path, &self.base);
        Ok(sha256_hex(format!("{method}&{path}&{query}").as_bytes()))
    }
}

/// Returns the path below `base`, without a slash at its end.
fn canonical_path(path: &str, base: &str) -> String {
    let below = path
        .strip_prefix(base.trim_end_matches('/'))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .unwrap_or(path);
    let trimmed = below.trim_end_matches('/');
    if trimmed.is_empty() {
        "/".to_owned()
    } else {
        trimmed.replace('&', "%26")
    }
}

/// Returns the parameters sorted by name, with the values of one name sorted and joined by commas.
fn canonical_query(fields: &Fields<'_>) -> Result<String, Refusal> {
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in fields.query()?.iter() {
        if **name != *TOKEN_PARAMETER {
            let values = parameters.entry(encoded(name)).or_default();
            values.push(encoded(value));
        }
    }

    let parameters = parameters.into_iter().map(|(name, mut values)| {
        values.sort();
        format!("{name}={}", values.join(","))
    });
    Ok(parameters.collect::<Vec<_>>().join("&"))
}

fn encoded(bytes: &[u8]) -> String {
    percent_encode(bytes, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;

    fn hash(path: &str, query: &str, base: &str) -> String {
        let request = Request {
            method: "get",
            path,
            tail: None,
            query: Some(query),
            headers: &(),
            body: b"",
        };
        let hash = QueryHash {
            claim: "qsh".to_owned(),
            base: base.to_owned(),
        };
        hash.of(&Fields::new(request)).expect("a query")
    }

    #[test]
    fn query_is_sorted_and_encoded() {
        let expected = sha256_hex(b"GET&/path/to&a=1,2&b=x%20y&c=%2A~");
        let query = "c=*%7e&b=x+y&a=2&jwt=abc.def.ghi&a=1";
        assert_eq!(hash("/path/to", query, ""), expected);
        assert_eq!(hash("/acme/path/to/", query, "/acme/"), expected);
        assert_ne!(hash("/acmepath/to", query, "/acme"), expected);
    }

    #[test]
    fn empty_path_and_query_keep_their_separators() {
        assert_eq!(hash("/acme", "", "/acme"), sha256_hex(b"GET&/&"));
    }
}
