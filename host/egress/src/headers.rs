//! Removes the request headers that the door sets itself.

use http::header::{self, HeaderMap, HeaderName};

/// Headers that concern a single connection, or that the door sets itself. `expect` is among them
/// because the door sends the body without waiting.
const REMOVED: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// More such headers, for which the `http` crate has no constants.
const REMOVED_BY_NAME: [&str; 3] = ["keep-alive", "proxy-connection", "http2-settings"];

/// Removes the headers that are not for the receiver, including those that `connection` names (RFC
/// 9110, section 7.6.1).
pub(crate) fn remove_connection_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();

    for name in named.iter().chain(&REMOVED) {
        headers.remove(name);
    }
    for name in REMOVED_BY_NAME {
        headers.remove(name);
    }
}
