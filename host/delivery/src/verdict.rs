//! What an answer means: whether the message arrived, may arrive later, or never will.
//!
//! | answer | result |
//! | --- | --- |
//! | 2xx | sent |
//! | 408, 425, 429, 5xx, none | failed: tried again, not before `Retry-After` (RFC 9110, section 10.2.3) |
//! | 410 | gone: nothing else is sent there either |
//! | any other, redirects too | refused: never again |

use std::time::Duration;

use hookyard_model::{Answer, DeliveryResult, Header, Timestamp};

use crate::post::{Answered, Unanswered};

/// What a try came to, and what is kept of the answer.
pub(super) fn judge(
    posted: Result<Answered, Unanswered>,
    now: Timestamp,
) -> (DeliveryResult, Option<Answer>) {
    match posted {
        Ok(answered) => (of_answer(&answered, now), Some(answered.into_kept())),
        Err(Unanswered::Failed(reason)) => (
            DeliveryResult::Failed {
                status: None,
                reason,
                after: None,
            },
            None,
        ),
        Err(Unanswered::Unsendable(reason)) => (DeliveryResult::Unsendable { reason }, None),
    }
}

fn of_answer(answered: &Answered, now: Timestamp) -> DeliveryResult {
    let status = answered.status;
    match status {
        200..=299 => DeliveryResult::Sent { status },
        410 => DeliveryResult::Gone,
        408 | 425 | 429 | 500..=599 => DeliveryResult::Failed {
            status: Some(status),
            reason: format!("the receiver answered {status}"),
            after: retry_after(&answered.headers, now),
        },
        _ => DeliveryResult::Refused { status },
    }
}

/// For how long the receiver asks not to be sent anything, whatever was wrong with this message: what it answers when
/// it has too much to do or is down.
pub(super) fn rest(result: &DeliveryResult) -> Option<Duration> {
    match result {
        DeliveryResult::Failed {
            status: Some(429 | 503),
            after,
            ..
        } => *after,
        _ => None,
    }
}

/// `Retry-After`, in seconds or as a date. One that can't be read asks for nothing.
fn retry_after(headers: &[Header], now: Timestamp) -> Option<Duration> {
    let header = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("retry-after"))?;
    let text = std::str::from_utf8(&header.value).ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // So many seconds that they can't be counted are as many as can.
        return Some(Duration::from_secs(
            text.parse().unwrap_or(u64::from(u32::MAX)),
        ));
    }
    Timestamp::parse_http_date(text).map(|date| date.since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT

    fn answered(status: u16, headers: &[(&str, &str)]) -> Answered {
        let header = |(name, value): &(&str, &str)| Header {
            name: (*name).to_owned(),
            value: value.as_bytes().to_vec().into(),
        };
        Answered {
            status,
            headers: headers.iter().map(header).collect(),
            body: "short".into(),
        }
    }

    #[test]
    fn every_status_means_one_thing() {
        let check = |statuses: &[u16], expected: &str| {
            for status in statuses {
                let (result, answer) = judge(Ok(answered(*status, &[])), NOW);
                assert_eq!(result.name(), expected, "{status}");
                assert_eq!(answer.expect("it is kept").body, "short");
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
            judge(Err(Unanswered::Failed("no".into())), NOW).0.name(),
            "failed"
        );
        assert_eq!(
            judge(Err(Unanswered::Unsendable("no".into())), NOW)
                .0
                .name(),
            "unsendable"
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |text: &str, expected: Option<u64>| {
            let (result, _) = judge(Ok(answered(429, &[("Retry-After", text)])), NOW);
            let DeliveryResult::Failed { after, .. } = &result else {
                panic!("{result}")
            };
            assert_eq!(*after, expected.map(Duration::from_secs), "{text}");
            assert_eq!(rest(&result), *after);
        };
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("99999999999999999999999", Some(u64::from(u32::MAX)));
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        check("Sun, 06 Nov 1994 08:00:00 GMT", Some(0));
        for unreadable in ["", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:50:37 CET"] {
            check(unreadable, None);
        }
        let (error, _) = judge(Ok(answered(500, &[("retry-after", "9")])), NOW);
        assert_eq!(rest(&error), None, "which is about this message");
    }

    #[test]
    fn an_answer_is_cut() {
        let long = "x".repeat(3_000);
        let answer = answered(200, &[("a", &long), ("b", &long), ("c", "")]);
        let kept = judge(
            Ok(Answered {
                body: vec![b'x'; 9_000].into(),
                ..answer
            }),
            NOW,
        )
        .1
        .expect("it is kept");
        assert_eq!((kept.headers.len(), kept.body.len()), (1, 4_096));
    }
}
