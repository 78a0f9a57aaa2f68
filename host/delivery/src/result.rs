//! The result of a delivery: what the receiver's answer means for the message.
//!
//! | answer | result |
//! | --- | --- |
//! | 2xx | sent |
//! | 408, 425, 429, 5xx, none | failed: retried, not before `Retry-After` (RFC 9110, section 10.2.3) |
//! | 410 | gone: the destination is disabled |
//! | any other, including redirects | refused: not retried |

use std::time::Duration;

use hookyard_model::{Answer, DeliveryResult, Header, Timestamp};

use crate::post::{PostError, PostResponse};

/// Returns the result of a POST, and the part of the answer to store.
pub(crate) fn result_of(
    posted: Result<PostResponse, PostError>,
    now: Timestamp,
) -> (DeliveryResult, Option<Answer>) {
    match posted {
        Ok(response) => (
            result_of_response(&response, now),
            Some(response.into_answer()),
        ),
        Err(PostError::Failed(reason)) => (
            DeliveryResult::Failed {
                status: None,
                reason,
                after: None,
            },
            None,
        ),
        Err(PostError::Unsendable(reason)) => (DeliveryResult::Unsendable { reason }, None),
    }
}

fn result_of_response(response: &PostResponse, now: Timestamp) -> DeliveryResult {
    let status = response.status;

    match status {
        200..=299 => DeliveryResult::Sent { status },
        410 => DeliveryResult::Gone,
        408 | 425 | 429 | 500..=599 => DeliveryResult::Failed {
            status: Some(status),
            reason: format!("the receiver answered {status}"),
            after: retry_after(&response.headers, now),
        },
        _ => DeliveryResult::Refused { status },
    }
}

/// Returns the time for which the receiver asks to be sent nothing at all. It asks so with a status
/// that means overload or downtime; with another status, `Retry-After` concerns only the message.
pub(crate) fn requested_rest(result: &DeliveryResult) -> Option<Duration> {
    match result {
        DeliveryResult::Failed {
            status: Some(429 | 503),
            after,
            ..
        } => *after,
        _ => None,
    }
}

/// Reads `Retry-After`, which has seconds or a date. A value that cannot be read is ignored.
fn retry_after(headers: &[Header], now: Timestamp) -> Option<Duration> {
    let header = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("retry-after"))?;
    let text = std::str::from_utf8(&header.value).ok()?.trim();

    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits fail to parse only if the number is too large, so the maximum replaces them.
        let seconds = text.parse().unwrap_or(u64::from(u32::MAX));
        return Some(Duration::from_secs(seconds));
    }
    Timestamp::parse_http_date(text).map(|date| date.since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT

    fn response(status: u16, headers: &[(&str, &str)]) -> PostResponse {
        let header = |(name, value): &(&str, &str)| Header {
            name: (*name).to_owned(),
            value: value.as_bytes().to_vec().into(),
        };

        PostResponse {
            status,
            headers: headers.iter().map(header).collect(),
            body: "short".into(),
        }
    }

    #[test]
    fn every_status_has_one_result() {
        let check = |statuses: &[u16], expected: &str| {
            for status in statuses {
                let (result, answer) = result_of(Ok(response(*status, &[])), NOW);
                assert_eq!(result.name(), expected, "{status}");
                assert_eq!(answer.expect("an answer").body, "short");
            }
        };
        check(&[200, 201, 202, 204, 299], "sent");
        check(
            &[408, 425, 429, 500, 501, 502, 503, 504, 520, 599],
            "failed",
        );
        check(&[410], "gone");
        check(
            &[
                101, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 409, 413, 422, 600,
            ],
            "refused",
        );

        assert_eq!(
            result_of(Err(PostError::Failed("no".into())), NOW).0.name(),
            "failed"
        );
        assert_eq!(
            result_of(Err(PostError::Unsendable("no".into())), NOW)
                .0
                .name(),
            "unsendable"
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |text: &str, expected: Option<u64>| {
            let (result, _) = result_of(Ok(response(429, &[("Retry-After", text)])), NOW);
            let DeliveryResult::Failed { after, .. } = &result else {
                panic!("{result}")
            };
            assert_eq!(*after, expected.map(Duration::from_secs), "{text}");
            assert_eq!(requested_rest(&result), *after);
        };
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("99999999999999999999999", Some(u64::from(u32::MAX)));
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        check("Sun, 06 Nov 1994 08:00:00 GMT", Some(0));

        for unreadable in ["", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:50:37 CET"] {
            check(unreadable, None);
        }

        let (error, _) = result_of(Ok(response(500, &[("retry-after", "9")])), NOW);

        assert_eq!(
            requested_rest(&error),
            None,
            "it concerns this message only"
        );
    }

    #[test]
    fn stored_answer_is_truncated() {
        let long = "x".repeat(3_000);
        let answer = response(200, &[("a", &long), ("b", &long), ("c", "")]);
        let kept = result_of(
            Ok(PostResponse {
                body: vec![b'x'; 9_000].into(),
                ..answer
            }),
            NOW,
        )
        .1
        .expect("an answer");

        assert_eq!((kept.headers.len(), kept.body.len()), (1, 4_096));
    }
}
