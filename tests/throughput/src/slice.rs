//! A slice: a short load on one server, measured until every accepted event is settled.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::generator::{self, Load, Pace};
use crate::requests::{Body, Requests, Template};
use crate::server::Server;

/// The number of requests signed for a load of unknown rate.
const REQUESTS_FIRST: usize = 20_000;
/// The maximum number of requests signed for a slice.
const REQUESTS_MAX: usize = 400_000;

/// What is sent.
pub(crate) struct Target<'a> {
    pub(crate) body: &'a Body,
    pub(crate) paths: &'a [String],
    /// Whether the server must accept the requests. Otherwise their signatures are wrong.
    pub(crate) is_genuine: bool,
}

/// How it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
    pub(crate) duration: Duration,
    /// The expected requests a second, if known.
    pub(crate) expected: Option<f64>,
    /// The maximum number of requests.
    pub(crate) requests_max: usize,
}

/// What was measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Slice {
    pub(crate) requests: usize,
    /// Answers a second, up to the last answer.
    pub(crate) answered_per_second: f64,
    /// Events a second, up to the last settlement. The same as above if nothing handles events.
    pub(crate) settled_per_second: f64,
    /// Processor time of the server for a request, up to the last settlement, in microseconds.
    pub(crate) cpu_us: f64,
    /// The time to the answer in microseconds.
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    /// The resident memory of the server in KiB at the end.
    pub(crate) resident_kib: u64,
}

/// Runs a slice.
pub(crate) fn run(server: &mut Server, target: &Target<'_>, plan: &Plan) -> Result<Slice> {
    let template = Template {
        body: target.body,
        secret: server.secret(),
        paths: target.paths,
        is_genuine: target.is_genuine,
    };
    let requests = Requests::sign(&template, plan.count())?;
    let load = Load {
        to: server.address(),
        connections: plan.connections,
        pace: plan.pace,
        duration: plan.duration,
    };

    let (cpu, began) = (server.cpu()?, Instant::now());
    let answers = generator::run(load, &requests)?;
    let status = if target.is_genuine { 200 } else { 401 };
    ensure!(
        answers.statuses.keys().eq([&status]),
        "expected answers with status {status}, but their numbers are {:?}",
        answers.statuses
    );

    let mut settled = answers.elapsed;
    if target.is_genuine && server.settle(answers.count() as u64)? {
        settled = began.elapsed();
    }
    let cpu = server
        .cpu()?
        .checked_sub(cpu)
        .context("processor time ran backwards")?;

    let count = answers.count() as f64;
    let micros = |share| answers.quantile(share).as_secs_f64() * 1e6;
    Ok(Slice {
        requests: answers.count(),
        answered_per_second: count / answers.elapsed.as_secs_f64(),
        settled_per_second: count / settled.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / count,
        p50_us: micros(0.5),
        p99_us: micros(0.99),
        p999_us: micros(0.999),
        resident_kib: server.resident()?,
    })
}

impl Plan {
    /// Returns how many requests to sign: enough, unless the rate grows by half.
    fn count(&self) -> usize {
        let rate = match self.pace {
            Pace::Open(rate) => Some(rate),
            Pace::Closed => self.expected.map(|rate| rate * 1.5),
        };
        let count = rate.map_or(REQUESTS_FIRST, |rate| {
            (rate * self.duration.as_secs_f64()).ceil() as usize
        });
        count
            .clamp(self.connections, REQUESTS_MAX)
            .min(self.requests_max)
    }
}
