//! The headers of a request: those that a scheme or a provider looks up, and those that are kept.
//!
//! Verifying a request copies none of its headers. Only the headers of a stored event are copied.

use bytes::Bytes;
use hookyard_model::Header;
use hookyard_schemes::{FoundHeader, Headers};
use hookyard_store::RefusalSample;
use http::HeaderMap;

/// The headers of a request, as received.
#[derive(Debug)]
pub(crate) struct ReceivedHeaders<'a>(pub(crate) &'a HeaderMap);

impl Headers for ReceivedHeaders<'_> {
    fn find(&self, name: &str) -> FoundHeader<'_> {
        // For the few headers of a request, comparing names is cheaper than hashing one.
        let named = self.0.iter().filter(|(given, _)| given.as_str() == name);
        FoundHeader::of(named.map(|(_, value)| value.as_bytes()))
    }

    fn all(&self) -> Vec<Header> {
        kept(self.0, &[])
    }
}

/// Copies the headers that are not credentials, in their order. Several values of one name are kept
/// together, in order. All values share one buffer.
pub(crate) fn kept(headers: &HeaderMap, credentials: &[String]) -> Vec<Header> {
    let is_kept = |name: &str| !credentials.iter().any(|credential| credential == name);
    let kept = || headers.iter().filter(|(name, _)| is_kept(name.as_str()));

    let bytes = kept().map(|(_, value)| value.len()).sum();
    let mut values = Vec::with_capacity(bytes);
    for (_, value) in kept() {
        values.extend_from_slice(value.as_bytes());
    }

    let mut values = Bytes::from(values);
    kept()
        .map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: values.split_to(value.len()),
        })
        .collect()
}

/// The maximum number of names of headers in a sample.
const SAMPLE_NAMES_MAX: usize = 64;
/// The maximum size of the media type in a sample, in characters.
const SAMPLE_TYPE_MAX: usize = 128;

/// Returns what a refused request looked like. The sample has no value of a header but the media
/// type of the body.
pub(crate) fn sample(headers: &HeaderMap, body_bytes: Option<usize>) -> RefusalSample {
    let media_type = headers.get(http::header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok());
    RefusalSample {
        header_names: headers
            .keys()
            .take(SAMPLE_NAMES_MAX)
            .map(|name| name.as_str().to_owned())
            .collect(),
        content_type: media_type.map(|value| value.chars().take(SAMPLE_TYPE_MAX).collect()),
        body_bytes: body_bytes.map(|bytes| bytes as u64),
        clock_offset_ms: None,
    }
}
