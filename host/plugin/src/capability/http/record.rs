//! Records the answers to an attempt's HTTP requests, so that rehearsals can give the same answers.
//!
//! The request that the guest sent identifies a record. The record contains the answer that the
//! guest received, so it does not have the host's credentials. Headers that are credentials by
//! their nature are left out as well. Once an answer does not fit, nothing more is recorded: the
//! answers to identical requests must stay complete and in their order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hookyard_model::{Header, PluginRef, RecordedAnswer};
use http::{HeaderName, Request, Response, header};
use sha2::{Digest as _, Sha256};

/// The maximum number of recorded answers of one attempt.
const ANSWERS_MAX: usize = 16;

/// Headers that contain credentials, or ask the guest for credentials.
const CREDENTIAL_HEADERS: [HeaderName; 6] = [
    header::SET_COOKIE,
    HeaderName::from_static("set-cookie2"),
    HeaderName::from_static("authentication-info"),
    HeaderName::from_static("proxy-authentication-info"),
    header::WWW_AUTHENTICATE,
    header::PROXY_AUTHENTICATE,
];

/// Returns the SHA-256 of a request's method, URL and body. This is the key of a recorded answer.
pub fn request_digest(request: &Request<Bytes>) -> [u8; 32] {
    // A zero byte ends the method and the URL, because neither can contain one.
    Sha256::new()
        .chain_update(request.method().as_str())
        .chain_update([0])
        .chain_update(request.uri().to_string())
        .chain_update([0])
        .chain_update(request.body())
        .finalize()
        .into()
}

/// Records the answers of one attempt. Clones share the recording.
#[derive(Clone)]
pub(super) struct Recorder(Arc<Mutex<Recording>>);

struct Recording {
    answers: Vec<RecordedAnswer>,
    /// The remaining size, in bytes. `None` if an answer did not fit, or if nothing is recorded at
    /// all.
    bytes_left: Option<usize>,
}

impl Recorder {
    /// Creates a recorder of at most `bytes_max` bytes. It records nothing if that is 0.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Mutex::new(Recording {
            answers: Vec::new(),
            bytes_left: (bytes_max > 0).then_some(bytes_max),
        })))
    }

    /// Whether the recorder accepts further answers.
    pub(super) fn is_open(&self) -> bool {
        self.recording().bytes_left.is_some()
    }

    /// Records the answer to the request with this digest.
    pub(super) fn record(&self, plugin: &PluginRef, request: [u8; 32], answer: &Response<Bytes>) {
        let mut recording = self.recording();
        let Some(bytes_left) = recording.bytes_left else {
            return;
        };

        let headers = recorded_headers(answer);
        let header_bytes: usize = headers
            .iter()
            .map(|header| header.name.len() + header.value.len())
            .sum();
        recording.bytes_left = bytes_left
            .checked_sub(answer.body().len() + header_bytes)
            .filter(|_| recording.answers.len() < ANSWERS_MAX);
        if recording.bytes_left.is_none() {
            tracing::debug!(
                %plugin,
                "an answer and all later answers of the attempt are not recorded, because they \
                 would exceed rehearsal.record_bytes_max or {ANSWERS_MAX} answers"
            );
            return;
        }

        recording.answers.push(RecordedAnswer {
            request,
            status: answer.status().as_u16(),
            headers,
            body: answer.body().clone(),
        });
    }

    /// Takes the recorded answers.
    pub(super) fn take(&self) -> Vec<RecordedAnswer> {
        std::mem::take(&mut self.recording().answers)
    }

    fn recording(&self) -> MutexGuard<'_, Recording> {
        // The recording is consistent whenever the lock is free, even after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn recorded_headers(answer: &Response<Bytes>) -> Vec<Header> {
    answer
        .headers()
        .iter()
        .filter(|(name, _)| !CREDENTIAL_HEADERS.contains(name))
        .map(|(name, value)| Header {
            name: name.to_string(),
            value: Bytes::copy_from_slice(value.as_bytes()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::plugin;

    fn request(method: &str, url: &str, body: &'static str) -> Request<Bytes> {
        Request::builder()
            .method(method)
            .uri(url)
            .body(body.into())
            .expect("a request")
    }

    fn answer(body: &str) -> Response<Bytes> {
        Response::new(Bytes::copy_from_slice(body.as_bytes()))
    }

    fn bodies(recorder: &Recorder) -> Vec<Bytes> {
        recorder
            .take()
            .into_iter()
            .map(|answer| answer.body)
            .collect()
    }

    #[test]
    fn request_digest_covers_method_url_and_body() {
        let one = request_digest(&request("POST", "https://a.example/x?y", "z"));
        assert_eq!(
            one,
            request_digest(&request("POST", "https://a.example/x?y", "z"))
        );
        for other in [
            ("PUT", "/x?y", "z"),
            ("POST", "/x?", "yz"),
            ("POST", "/x?y", ""),
        ] {
            assert_ne!(
                one,
                request_digest(&request(
                    other.0,
                    &format!("https://a.example{}", other.1),
                    other.2
                ))
            );
        }
    }

    #[test]
    fn credential_headers_are_not_recorded() {
        let recorder = Recorder::new(100);
        let mut answer = answer("x");
        for (name, value) in [
            ("set-cookie", "session=1"),
            ("x-kept", "2"),
            ("www-authenticate", "Bearer"),
        ] {
            answer
                .headers_mut()
                .insert(name, value.parse().expect("a value"));
        }
        recorder.record(&plugin(), [1; 32], &answer);
        let kept = Header {
            name: "x-kept".into(),
            value: "2".into(),
        };
        let expected = RecordedAnswer {
            request: [1; 32],
            status: 200,
            headers: vec![kept],
            body: "x".into(),
        };
        assert_eq!(recorder.take(), [expected]);
    }

    #[test]
    fn recording_stops_at_first_oversized_answer() {
        let off = Recorder::new(0);
        off.record(&plugin(), [1; 32], &answer(""));
        assert!(!off.is_open() && off.take().is_empty());

        let recorder = Recorder::new(10);
        for body in ["12345", "123456", "1"] {
            recorder.record(&plugin(), [1; 32], &answer(body));
        }
        assert!(!recorder.is_open());
        assert_eq!(bodies(&recorder), ["12345"]);

        let recorder = Recorder::new(1000);
        for _ in 0..=ANSWERS_MAX {
            recorder.record(&plugin(), [1; 32], &answer("1"));
        }
        assert!(!recorder.is_open());
        assert_eq!(bodies(&recorder).len(), ANSWERS_MAX);
    }
}
