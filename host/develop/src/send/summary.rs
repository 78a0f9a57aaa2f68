//! The answers of a receiver, counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::excerpt;
use http::StatusCode;

/// The answer to one request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The time from the request to the end of the answer.
    pub latency: Duration,
    /// The body or its beginning.
    pub body: Bytes,
}

/// The answers to all requests.
#[derive(Debug, Default)]
pub struct Summary {
    /// How long all requests took together.
    pub took: Duration,
    statuses: BTreeMap<u16, u64>,
    failures: BTreeMap<String, u64>,
    latencies: Vec<Duration>,
    /// The last body of an answer that was not a success.
    refusal: Option<String>,
}

impl Summary {
    pub(crate) fn add(&mut self, answer: Result<Answer, String>) {
        match answer {
            Ok(answer) => {
                *self.statuses.entry(answer.status.as_u16()).or_default() += 1;
                self.latencies.push(answer.latency);
                if !answer.status.is_success() && !answer.body.is_empty() {
                    self.refusal = Some(excerpt(&String::from_utf8_lossy(&answer.body)));
                }
            }
            Err(reason) => *self.failures.entry(reason).or_default() += 1,
        }
    }

    /// Returns whether every request was answered with a status of success.
    pub fn is_good(&self) -> bool {
        let is_success = |status: &u16| (200..300).contains(status);
        self.failures.is_empty() && self.statuses.keys().all(is_success)
    }

    /// Returns the summary for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (status, count) in &self.statuses {
            let status = StatusCode::from_u16(*status).unwrap_or_default();
            let _ = writeln!(out, "  {count:>7}  {status}");
        }
        for (reason, count) in &self.failures {
            let _ = writeln!(out, "  {count:>7}  no answer: {reason}");
        }
        if let Some(refusal) = &self.refusal {
            let _ = writeln!(out, "  the last refusal says: {refusal}");
        }

        let mut latencies = self.latencies.clone();
        latencies.sort();
        if let (Some(median), Some(high), Some(longest)) = (
            percentile(&latencies, 50),
            percentile(&latencies, 99),
            latencies.last(),
        ) {
            let _ = writeln!(
                out,
                "  latency: median {}, p99 {}, longest {}",
                milliseconds(median),
                milliseconds(high),
                milliseconds(*longest)
            );
        }
        out
    }
}

/// Returns the smallest of the sorted values that is at least as large as `percent` of all values.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_counts_statuses_and_latencies() {
        let mut summary = Summary::default();
        for latency in 1..=100 {
            summary.add(Ok(Answer {
                status: StatusCode::OK,
                latency: Duration::from_millis(latency),
                body: Bytes::new(),
            }));
        }
        assert!(summary.is_good());

        summary.add(Err("no connection".into()));
        assert!(!summary.is_good());
        assert_eq!(
            summary.text(),
            "      100  200 OK\n        1  no answer: no connection\n  latency: median 50.0 ms, \
             p99 99.0 ms, longest 100.0 ms\n"
        );
    }
}
