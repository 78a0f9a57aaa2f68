//! The public URL of a source.

use std::fmt;

use crate::SetupError;

/// The URL at which a sender reaches a source: what the operator registered at the sender.
///
/// The host builds signed URLs from it and never from the request's `Host`. The query is the
/// request's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: &'static str,
    host: String,
    port: Option<String>,
    path: String,
    has_query: bool,
}

impl PublicUrl {
    /// Parses a URL. It is kept as it is written, because senders sign it as it was registered.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if the text is not an absolute URL with HTTP or HTTPS.
    pub fn parse(text: &str) -> Result<Self, SetupError> {
        let refuse = |why: &str| SetupError::PublicUrl {
            given: text.to_owned(),
            why: why.to_owned(),
        };
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('#') {
            return Err(refuse("use printable ASCII, without spaces and `#`"));
        }
        let (scheme, rest) = ["https", "http"]
            .into_iter()
            .find_map(|scheme| Some((scheme, text.strip_prefix(scheme)?.strip_prefix("://")?)))
            .ok_or_else(|| refuse("begin with `https://` or `http://`"))?;

        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (path, query) = rest
            .split_once('?')
            .map_or((rest, None), |(path, query)| (path, Some(query)));
        let (host, port) = split_port(authority)
            .ok_or_else(|| refuse("write a host, and a port as a number, without a user"))?;
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port: port.map(str::to_owned),
            path: path.to_owned(),
            has_query: query.is_some(),
        })
    }

    /// Returns `https` or `http`.
    pub const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Returns the host in lower case, and the port if it is not the default one (RFC 9421, 2.2.3).
    pub fn authority(&self) -> String {
        let host = self.host.to_ascii_lowercase();
        match self
            .port
            .as_deref()
            .filter(|port| *port != self.default_port())
        {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// Returns the path as it is written, which may be empty.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns whether the operator wrote a query, which has no effect.
    pub const fn has_query(&self) -> bool {
        self.has_query
    }

    /// Returns the URL with the query of a request.
    pub fn with_query(&self, query: Option<&str>) -> String {
        self.written(self.port.as_deref(), query)
    }

    /// Returns the URL with the default port written, or without the port that it has.
    pub(crate) fn with_other_port(&self, query: Option<&str>) -> String {
        let port = self.port.is_none().then_some(self.default_port());
        self.written(port, query)
    }

    fn default_port(&self) -> &'static str {
        if self.scheme == "https" { "443" } else { "80" }
    }

    fn written(&self, port: Option<&str>, query: Option<&str>) -> String {
        let mut text = format!("{}://{}", self.scheme, self.host);
        for (mark, part) in [(":", port), ("", Some(self.path.as_str())), ("?", query)] {
            if let Some(part) = part {
                text.push_str(mark);
                text.push_str(part);
            }
        }
        text
    }
}

/// Splits the host and the port. An address of IPv6 is in brackets.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let is_port = |port: &str| {
        !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit())
    };
    let after_address = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[after_address..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(after_address + colon);
            (host, Some(&port[1..]))
        }
        None => (authority, None),
    };
    let is_valid = !host.is_empty() && !host.contains('@') && port.is_none_or(is_port);
    is_valid.then_some((host, port))
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_query(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_written_with_and_without_port() {
        for (text, query, plain, other) in [
            (
                "https://a.example/x.php?foo=1",
                Some("bar=2"),
                "https://a.example/x.php?bar=2",
                "https://a.example:443/x.php?bar=2",
            ),
            (
                "http://a.example:1234/x",
                None,
                "http://a.example:1234/x",
                "http://a.example/x",
            ),
            ("http://[::1]", None, "http://[::1]", "http://[::1]:80"),
            (
                "https://[::1]:8443/",
                Some(""),
                "https://[::1]:8443/?",
                "https://[::1]/?",
            ),
        ] {
            let url = PublicUrl::parse(text).expect(text);
            assert_eq!(url.with_query(query), plain);
            assert_eq!(url.with_other_port(query), other);
            assert_eq!(url.has_query(), text.contains('?'));
        }
    }

    #[test]
    fn what_is_no_public_url_is_refused() {
        for text in [
            "",
            "a.example/x",
            "ftp://a.example",
            "https://",
            "https:///x",
            "https://u:p@a.example/",
            "https://a.example:x/",
            "https://a.example:/",
            "https://a.example/#x",
            "https://a.example/a b",
            "https://m\u{fc}ller.example/",
        ] {
            assert!(PublicUrl::parse(text).is_err(), "{text}");
        }
    }
}
