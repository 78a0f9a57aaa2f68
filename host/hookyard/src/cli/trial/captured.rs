//! A request as it was sent over HTTP/1.1, read from a file.

use bytes::Bytes;
use hookyard_model::{Header, RefusedRequest, SourceRef};
use hookyard_schemes::Request;

/// The maximum number of headers that are read.
const HEADERS_MAX: usize = 256;

/// A request with its body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Captured {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: Vec<Header>,
    pub(super) body: Vec<u8>,
    /// What is odd about the file.
    pub(super) notes: Vec<String>,
    /// The parts that the store has replaced, because they may be credentials.
    pub(super) redacted: Vec<String>,
}

impl Captured {
    /// Reads a request. The error says what is wrong with the file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Request::new(&mut headers);
        let parsed = head.parse(bytes).map_err(|error| {
            format!(
                "this is not a request in the form of HTTP/1.1: {error}; begin with a line such as \
                 `POST /acme/orders HTTP/1.1`"
            )
        })?;
        let httparse::Status::Complete(length) = parsed else {
            return Err(
                "the head of the request does not end; write an empty line between the headers and \
                 the body"
                    .to_owned(),
            );
        };

        let target = head.path.unwrap_or_default();
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let headers = head.headers.iter().map(|header| Header {
            name: header.name.to_ascii_lowercase(),
            value: Bytes::copy_from_slice(header.value),
        });
        let mut request = Self {
            method: head.method.unwrap_or_default().to_owned(),
            path: path.to_owned(),
            query,
            headers: headers.collect(),
            body: bytes[length..].to_vec(),
            notes: Vec::new(),
            redacted: Vec::new(),
        };
        request.frame()?;
        Ok(request)
    }

    /// Returns the request of a stored event.
    pub(super) fn stored(path: String, headers: Vec<Header>, body: Vec<u8>) -> Self {
        Self {
            method: "POST".to_owned(),
            path,
            query: None,
            headers,
            body,
            notes: vec![
                "a stored event has no query and no credentials, so that a scheme that needs them \
                 refuses it"
                    .to_owned(),
            ],
            redacted: Vec::new(),
        }
    }

    /// Returns a refused request as it was kept.
    pub(super) fn refused(request: RefusedRequest) -> Self {
        let reason = format!("the host refused the request then: {}", request.detail);
        let mut notes = vec![reason];
        if !request.redacted.is_empty() {
            notes.push(format!(
                "these parts were replaced by `redacted` when the request was kept, so that the \
                 command cannot check them: {}",
                request.redacted.join(", ")
            ));
        }
        Self {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers,
            body: request.body.to_vec(),
            notes,
            redacted: request.redacted,
        }
    }

    /// Notes that a request was sent to another path than that of the source.
    pub(super) fn note_other_path(&mut self, source: &SourceRef) {
        let own = format!("/{source}");
        let rest = self.path.strip_prefix(&own);
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            self.notes.push(format!(
                "the request was sent to another path; it is tried as a request to {own}"
            ));
        }
    }

    /// Returns the request as it arrives at a source. What follows the names of tenant and source
    /// in the path is the secret of the path.
    pub(super) fn for_source(&self, source: &SourceRef) -> Request<'_> {
        let prefix = format!("/{source}/");
        let tail = self.path.strip_prefix(&prefix);
        Request {
            method: &self.method,
            path: &self.path,
            tail: tail.filter(|tail| !tail.is_empty()),
            query: self.query.as_deref(),
            headers: &self.headers,
            body: &self.body,
        }
    }

    /// Cuts the body to the length that the request states: editors add a line end to a file.
    fn frame(&mut self) -> Result<(), String> {
        let value = |name: &str| {
            let header = self.headers.iter().find(|header| header.name == name)?;
            std::str::from_utf8(&header.value).ok()
        };
        if value("transfer-encoding").is_some() {
            return Err(
                "the body is encoded in chunks; write the body as it was before that, and leave the \
                 header `transfer-encoding` out"
                    .to_owned(),
            );
        }

        let length: Option<usize> = value("content-length").and_then(|text| text.parse().ok());
        let found = self.body.len();
        match length {
            Some(length) if length < found => {
                self.body.truncate(length);
                self.notes.push(format!(
                    "the file has {} bytes after the {length} bytes of the body, which are left out",
                    found - length
                ));
            }
            Some(length) if length > found => self.notes.push(format!(
                "the request states a body of {length} bytes, and the file has {found}: the body is \
                 not complete"
            )),
            Some(_) => {}
            None if self.body.ends_with(b"\n") => self.notes.push(
                "the body ends with a line end, which an editor may have added; the header \
                 `content-length` would say where the body ends"
                    .to_owned(),
            ),
            None => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_read_from_bytes() {
        let request = Captured::parse(
            b"POST /acme/orders?a=1 HTTP/1.1\r\nHost: x\r\nX-A:  b \r\nContent-Length: 3\r\n\r\n{}\n\n",
        )
        .expect("a request");
        assert_eq!(request.method, "POST");
        assert_eq!(request.path, "/acme/orders");
        assert_eq!(request.query.as_deref(), Some("a=1"));
        assert_eq!(request.headers[1].name, "x-a");
        assert_eq!(&request.headers[1].value[..], b"b");
        assert_eq!(request.body, b"{}\n");
        assert_eq!(request.notes.len(), 1, "{:?}", request.notes);

        let plain = Captured::parse(b"POST /a/b HTTP/1.1\nhost: x\n\n{}").expect("a request");
        assert_eq!((plain.body.as_slice(), plain.notes.len()), (&b"{}"[..], 0));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let refusal = |bytes: &[u8]| Captured::parse(bytes).expect_err("no request");
        assert!(refusal(b"{\"id\":1}\n\n").contains("begin with a line such as"));
        assert!(refusal(b"POST /a/b HTTP/1.1\r\nhost: x\r\n").contains("an empty line"));
        let chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        assert!(refusal(chunked).contains("in chunks"));
        assert!(refusal(b"").contains("an empty line"));
    }

    #[test]
    fn secret_of_the_path_follows_the_source() {
        let source = SourceRef {
            tenant: "acme".parse().expect("a name"),
            name: "it".parse().expect("a name"),
        };
        let tail = |path: &str| {
            let text = format!("POST {path} HTTP/1.1\r\n\r\n");
            let request = Captured::parse(text.as_bytes()).expect("a request");
            request.for_source(&source).tail.map(str::to_owned)
        };
        assert_eq!(tail("/acme/it/s3cret").as_deref(), Some("s3cret"));
        assert_eq!(tail("/acme/it/"), None);
        assert_eq!(tail("/acme/it"), None);
        assert_eq!(tail("/other/it/s3cret"), None);
    }
}
