//! What of a request's headers goes on the wire.

use http::header::{self, HeaderMap, HeaderName};

/// Headers about one connection, which whoever asks knows nothing of, and those that the door says itself. `expect` is
/// one of them because the body is sent at once.
const OURS: [HeaderName; 9] = [
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

/// The same by name, where there's no constant for it.
const OURS_BY_NAME: [&str; 3] = ["keep-alive", "proxy-connection", "http2-settings"];

/// Drops what isn't for the receiver: the headers of one connection, and those that `connection` names (RFC 9110, 7.6.1).
pub(crate) fn clean(headers: &mut HeaderMap) {
    let connection = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> = connection
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OURS) {
        headers.remove(name);
    }
    for name in OURS_BY_NAME {
        headers.remove(name);
    }
}
