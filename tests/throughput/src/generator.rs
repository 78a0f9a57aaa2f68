//! The load generator: one thread that sends prepared requests over loopback connections and
//! measures the time to each answer.
//!
//! In a closed loop, each connection sends its next request when the last one is answered. In an
//! open loop, requests are due at a fixed rate whether or not earlier ones are answered, and the
//! time to an answer begins when its request was due. A slow answer therefore also counts for the
//! requests that had to wait behind it.

mod connection;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use mio::{Events, Poll};

use crate::requests::Requests;
use connection::{Connection, Progress};

/// How long the generator waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Below this time to the next request, the generator does not sleep, because a sleep takes a whole
/// number of milliseconds.
const SPIN: Duration = Duration::from_millis(1);

/// When requests are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// Each connection sends when its last request is answered.
    Closed,
    /// This many requests a second are due.
    Open(f64),
}

/// A load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) to: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
    /// How long requests are sent, unless there are no more.
    pub(crate) duration: Duration,
}

/// The answers to a load.
pub(crate) struct Answers {
    /// The number of answers with each status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// The time from the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// The times to the answers, sorted.
    times: Vec<Duration>,
}

impl Answers {
    /// Returns the number of answers.
    pub(crate) fn count(&self) -> usize {
        self.times.len()
    }

    /// Returns the time within which this share of the requests was answered.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let place = (self.times.len() as f64 * share).ceil() as usize;
        self.times
            .get(place.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }
}

/// Sends requests and waits for all answers.
pub(crate) fn run(load: Load, requests: &Requests<'_>) -> Result<Answers> {
    let mut generator = Generator::connect(load, requests)?;
    let mut events = Events::with_capacity(1024);

    generator.began = Instant::now();
    generator.start_due()?;
    while generator.is_busy() {
        let timeout = generator.pause();
        match generator.poll.poll(&mut events, Some(timeout)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        }
        ensure!(
            !events.is_empty() || timeout < PATIENCE,
            "no answer for {} s",
            PATIENCE.as_secs()
        );
        for event in &events {
            generator.advance(event.token().0)?;
        }
        generator.start_due()?;
    }
    generator.finish()
}

struct Generator<'a> {
    load: Load,
    requests: &'a Requests<'a>,
    poll: Poll,
    connections: Vec<Connection>,
    idle: Vec<usize>,
    began: Instant,
    sent: usize,
    answers: Answers,
}

impl<'a> Generator<'a> {
    fn connect(load: Load, requests: &'a Requests<'a>) -> Result<Self> {
        ensure!(
            load.to.ip().is_loopback(),
            "{} is not a loopback address",
            load.to
        );
        let poll = Poll::new()?;
        let connections = (0..load.connections)
            .map(|number| Connection::open(load.to, poll.registry(), number))
            .collect::<Result<_>>()?;
        Ok(Self {
            load,
            requests,
            poll,
            connections,
            idle: (0..load.connections).collect(),
            began: Instant::now(),
            sent: 0,
            answers: Answers {
                statuses: BTreeMap::new(),
                elapsed: Duration::ZERO,
                times: Vec::with_capacity(requests.count()),
            },
        })
    }

    /// Returns whether an answer is missing or a request will be due.
    fn is_busy(&self) -> bool {
        self.idle.len() < self.connections.len() || self.next_due().is_some()
    }

    /// Returns when the next request is due, or `None` after the last one.
    fn next_due(&self) -> Option<Instant> {
        let after = match self.load.pace {
            Pace::Closed => self.began.elapsed(),
            Pace::Open(rate) => Duration::from_secs_f64(self.sent as f64 / rate),
        };
        let is_over = after >= self.load.duration || self.sent == self.requests.count();
        (!is_over).then(|| self.began + after)
    }

    /// Returns how long to wait for answers.
    fn pause(&self) -> Duration {
        match self.next_due() {
            Some(due) if !self.idle.is_empty() => {
                let left = due.saturating_duration_since(Instant::now());
                if left < SPIN {
                    Duration::ZERO
                } else {
                    left - SPIN
                }
            }
            _ => PATIENCE,
        }
    }

    /// Sends the requests that are due, as far as connections are idle.
    fn start_due(&mut self) -> Result<()> {
        while let Some(&number) = self.idle.last() {
            match self.next_due() {
                Some(due) if due <= Instant::now() => {
                    self.idle.pop();
                    self.start(number, due)?;
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn start(&mut self, number: usize, due: Instant) -> Result<()> {
        self.connections[number].start(self.sent, due, self.requests)?;
        self.sent += 1;
        Ok(())
    }

    /// Continues a connection that is ready. In a closed loop, its next request leaves at once.
    fn advance(&mut self, number: usize) -> Result<()> {
        let connection = &mut self.connections[number];
        let (status, is_open) = match connection.advance(self.requests)? {
            Progress::Waiting => return Ok(()),
            Progress::Answered { status, is_open } => (status, is_open),
        };
        self.answers.times.push(connection.due().elapsed());
        *self.answers.statuses.entry(status).or_default() += 1;
        if !is_open {
            *connection = Connection::open(self.load.to, self.poll.registry(), number)?;
        }

        match (self.load.pace, self.next_due()) {
            (Pace::Closed, Some(due)) => self.start(number, due)?,
            _ => self.idle.push(number),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Answers> {
        self.answers.elapsed = self.began.elapsed();
        if self.answers.times.is_empty() {
            bail!("no request was sent");
        }
        self.answers.times.sort_unstable();
        Ok(self.answers)
    }
}
