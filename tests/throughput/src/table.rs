//! The table: each subject next to the floors, in rounds.
//!
//! In each round, every subject runs on a server with an empty store. A slice of `native`, a slice of
//! `native-durable` and a slice of the subject follow each other, and ratios are taken within these
//! three, because the speed of a machine changes from minute to minute.

mod report;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::arguments::Arguments;
use crate::generator::Pace;
use crate::machine::{Machine, Processors};
use crate::requests::Body;
use crate::server::{Kind, Server, Setup};
use crate::slice::{self, Plan, Slice, Target};

/// The number of connections of the larger load.
const MANY: usize = 64;
/// How long a new server is warmed up, in slices.
const WARM_UP: f64 = 0.3;

/// What is compared with the floors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Subject {
    /// The host stores each event, and no plugin handles it.
    Stored,
    /// A plugin handles each event in a fresh instance.
    Fresh,
    /// The instances of the plugin handle many events.
    Reused,
    /// The signatures are wrong.
    Refused,
}

impl Subject {
    pub(crate) const ALL: [Self; 4] = [Self::Stored, Self::Fresh, Self::Reused, Self::Refused];

    /// Returns the name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Fresh => "fresh",
            Self::Reused => "reused",
            Self::Refused => "refused",
        }
    }

    fn setup(self) -> Setup {
        Setup {
            plugins: usize::from(self != Self::Stored),
            reuse: self == Self::Reused,
            ..Setup::ONE_PLUGIN
        }
    }
}

/// A load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Loaded {
    /// Many connections. Each sends a request when its last one is answered.
    Many,
    /// A single such connection.
    One,
    /// Half of the rate that the same server sustained in the same round.
    Half,
}

impl Loaded {
    const ALL: [Self; 3] = [Self::Many, Self::One, Self::Half];
}

/// Slices that followed each other.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Trio {
    pub(crate) subject: Subject,
    pub(crate) load: Loaded,
    pub(crate) native: Slice,
    pub(crate) durable: Slice,
    pub(crate) slice: Slice,
}

/// All measured values.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    pub(crate) slice_seconds: f64,
    pub(crate) cores: usize,
    pub(crate) trios: Vec<Trio>,
}

/// Measures the table.
pub(crate) fn measure(arguments: &Arguments, processors: &Processors) -> Result<Table> {
    arguments.check_names(&Subject::ALL.map(Subject::name))?;
    let mut table = Table {
        machine: Machine::look()?,
        rounds: arguments.rounds,
        slice_seconds: arguments.slice.as_secs_f64(),
        cores: arguments.cores,
        trios: Vec::new(),
    };
    let body = Body::sample()?;
    let mut native = Contender::start(&Kind::Native, arguments, processors, &body)?;

    for round in 1..=arguments.rounds {
        let subjects = Subject::ALL.into_iter();
        for subject in subjects.filter(|subject| arguments.selects(subject.name())) {
            let kind = Kind::Host(subject.setup());
            let mut durable = Contender::start(&Kind::NativeDurable, arguments, processors, &body)?;
            let mut host = Contender::start(&kind, arguments, processors, &body)?;
            host.is_genuine = subject != Subject::Refused;
            for load in Loaded::ALL {
                let trio = Trio {
                    subject,
                    load,
                    native: native.run(load)?,
                    durable: durable.run(load)?,
                    slice: host.run(load)?,
                };
                eprintln!("{}", report::progress(round, &trio));
                table.trios.push(trio);
            }
            host.server.end()?;
            durable.server.end()?;
        }
    }
    native.server.end()?;
    Ok(table)
}

/// A server, and what it did before.
struct Contender<'a> {
    server: Server,
    paths: Vec<String>,
    body: &'a Body,
    is_genuine: bool,
    arguments: &'a Arguments,
    rates: BTreeMap<Loaded, Slice>,
}

impl<'a> Contender<'a> {
    /// Starts a server and warms it up.
    fn start(
        kind: &Kind,
        arguments: &'a Arguments,
        processors: &Processors,
        body: &'a Body,
    ) -> Result<Self> {
        let paths = match kind {
            Kind::Host(setup) => setup.paths(),
            Kind::Native | Kind::NativeDurable => vec!["/orders".to_owned()],
        };
        let mut contender = Self {
            server: Server::start(kind, processors)?,
            paths,
            body,
            is_genuine: true,
            arguments,
            rates: BTreeMap::new(),
        };
        let warm_up = contender.slice(Loaded::Many, arguments.slice.mul_f64(WARM_UP))?;
        contender.rates.insert(Loaded::Many, warm_up);
        Ok(contender)
    }

    fn run(&mut self, load: Loaded) -> Result<Slice> {
        let slice = self.slice(load, self.arguments.slice)?;
        self.rates.insert(load, slice);
        Ok(slice)
    }

    fn slice(&mut self, load: Loaded, duration: Duration) -> Result<Slice> {
        let many = self.rates.get(&Loaded::Many);
        let (connections, pace) = match (load, many) {
            (Loaded::Half, Some(many)) => (MANY, Pace::Open(many.settled_per_second / 2.0)),
            (Loaded::One, _) => (1, Pace::Closed),
            _ => (MANY, Pace::Closed),
        };
        let expected = self.rates.get(&load).or(many);
        let plan = Plan {
            connections,
            pace,
            duration,
            expected: expected.map(|slice| slice.answered_per_second),
            requests_max: self.arguments.requests_max,
        };
        let target = Target {
            body: self.body,
            paths: &self.paths,
            is_genuine: self.is_genuine,
        };
        slice::run(&mut self.server, &target, &plan)
    }
}
