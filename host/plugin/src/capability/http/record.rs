//! What an attempt's requests are answered, recorded so that rehearsals can give the same answers.
//!
//! A request is told from others by what the guest sent. What is recorded of an answer is what the guest was given: without
//! the host's credentials, and here also without headers that are credentials by their nature. Once an answer doesn't fit,
//! none is recorded any more, so that those of like requests stay in their order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hookyard_model::{Header, PluginRef, RecordedAnswer};
use http::{HeaderName, Request, Response, header};
use sha2::{Digest as _, Sha256};

/// Answers that are recorded of one attempt.
const ANSWERS_MAX: usize = 16;

/// Headers that give the guest a right, or ask it for one.
const CREDENTIALS: [HeaderName; 6] = [
    header::SET_COOKIE,
    HeaderName::from_static("set-cookie2"),
    HeaderName::from_static("authentication-info"),
    HeaderName::from_static("proxy-authentication-info"),
    header::WWW_AUTHENTICATE,
    header::PROXY_AUTHENTICATE,
];

/// What tells a request from others: the SHA-256 of its method, URL and body.
pub fn request_digest(request: &Request<Bytes>) -> [u8; 32] {
    let (method, url) = (request.method().as_str(), request.uri().to_string());
    // Neither has a zero byte.
    let head = Sha256::new()
        .chain_update(method)
        .chain_update([0])
        .chain_update(url)
        .chain_update([0]);
    head.chain_update(request.body()).finalize().into()
}

/// Of one attempt.
#[derive(Clone)]
pub(super) struct Recorder(Arc<Mutex<Recording>>);

struct Recording {
    answers: Vec<RecordedAnswer>,
    /// Bytes that there is room for; `None` once an answer didn't fit, or where nothing is recorded at all.
    room: Option<usize>,
}

impl Recorder {
    /// Records so many bytes; nothing where that's 0.
    pub(super) fn new(bytes_max: usize) -> Self {
        let room = (bytes_max > 0).then_some(bytes_max);
        Self(Arc::new(Mutex::new(Recording {
            answers: Vec::new(),
            room,
        })))
    }

    /// Whether it would take one more answer.
    pub(super) fn is_open(&self) -> bool {
        self.recording().room.is_some()
    }

    /// Records the answer to the request that has this digest.
    pub(super) fn record(&self, plugin: &PluginRef, request: [u8; 32], answer: &Response<Bytes>) {
        let mut recording = self.recording();
        let Some(room) = recording.room else { return };
        let kept = answer
            .headers()
            .iter()
            .filter(|(name, _)| !CREDENTIALS.contains(name));
        let headers: Vec<_> = kept
            .map(|(name, value)| Header {
                name: name.to_string(),
                value: Bytes::copy_from_slice(value.as_bytes()),
            })
            .collect();
        let bytes = answer.body().len()
            + headers
                .iter()
                .map(|header| header.name.len() + header.value.len())
                .sum::<usize>();
        recording.room = room
            .checked_sub(bytes)
            .filter(|_| recording.answers.len() < ANSWERS_MAX);
        if recording.room.is_none() {
            tracing::debug!(%plugin, "an answer isn't recorded, nor any later one of its attempt: it would be more than rehearsal.record_bytes_max, or than {ANSWERS_MAX} answers");
            return;
        }
        let (status, body) = (answer.status().as_u16(), answer.body().clone());
        recording.answers.push(RecordedAnswer {
            request,
            status,
            headers,
            body,
        });
    }

    /// What was recorded.
    pub(super) fn take(&self) -> Vec<RecordedAnswer> {
        std::mem::take(&mut self.recording().answers)
    }

    fn recording(&self) -> MutexGuard<'_, Recording> {
        // It's whole whenever the lock is free.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plugin;

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
    fn requests_are_told_apart_by_method_url_and_body() {
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
    fn headers_that_are_credentials_are_left_out() {
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
    fn once_an_answer_does_not_fit_none_is_recorded() {
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
        (0..=ANSWERS_MAX).for_each(|_| recorder.record(&plugin(), [1; 32], &answer("1")));
        assert!(!recorder.is_open());
        assert_eq!(bodies(&recorder).len(), ANSWERS_MAX);
    }
}
