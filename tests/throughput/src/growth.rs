//! `cargo throughput growth`: how the rate and the time to an answer change with the number of
//! plugins, tenants, stored events, connections and processors, and with the size of a body.
//!
//! Every point has a host of its own. All hosts of a dimension run at the same time, and are loaded
//! in turns, so that each turn meets the same machine.

mod dimension;

mod axis;
mod plot;
mod svg;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::arguments::Arguments;
use crate::generator::Pace;
use crate::machine::{Machine, Processors};
use crate::requests::Body;
use crate::server::{Kind, Server};
use crate::slice::{self, Plan, Slice, Target};
use crate::spread::Spread;
use dimension::{Dimension, Point};

/// The number of requests of a slice that fills a store.
const FILL: u64 = 200_000;
/// How long filling may take for each slice.
const FILL_MAX: Duration = Duration::from_secs(120);

/// All measured values.
#[derive(Debug, Serialize)]
pub(crate) struct Growth {
    machine: Machine,
    curves: Vec<Curve>,
}

/// The measured points of a dimension.
#[derive(Debug, Serialize)]
struct Curve {
    #[serde(skip)]
    dimension: Dimension,
    name: &'static str,
    points: Vec<Measured>,
}

/// A measured point.
#[derive(Debug, Serialize)]
struct Measured {
    x: usize,
    /// How long the host took to start with all plugins active, in seconds.
    start_seconds: f64,
    /// The resident memory in KiB after the start.
    started_kib: u64,
    /// As many requests as the connections can send.
    full: Vec<Slice>,
    /// Half of that rate.
    half: Vec<Slice>,
}

/// Measures the dimensions, and draws them.
pub(crate) fn measure(arguments: &Arguments) -> Result<Growth> {
    let mut growth = Growth {
        machine: Machine::look()?,
        curves: Vec::new(),
    };
    for dimension in dimension::all(arguments)? {
        let points = curve(&dimension, arguments)?;
        growth.curves.push(Curve {
            name: dimension.name,
            dimension,
            points,
        });
    }
    Ok(growth)
}

fn curve(dimension: &Dimension, arguments: &Arguments) -> Result<Vec<Measured>> {
    let mut hosts = Vec::new();
    for point in &dimension.points {
        eprintln!("{}: {}", dimension.name, point.x);
        hosts.push(LoadedHost::start(point, arguments)?);
    }
    for _ in 0..arguments.rounds {
        for host in &mut hosts {
            host.turn(arguments)?;
        }
    }
    hosts.into_iter().map(LoadedHost::end).collect()
}

/// A host under load.
struct LoadedHost<'a> {
    point: &'a Point,
    server: Server,
    body: Body,
    paths: Vec<String>,
    measured: Measured,
}

impl<'a> LoadedHost<'a> {
    /// Starts a host, fills its store, and warms it up.
    fn start(point: &'a Point, arguments: &Arguments) -> Result<Self> {
        let processors = Processors::first(point.cores);
        let server = Server::start(&Kind::Host(point.setup.clone()), &processors)?;
        let mut paths = point.setup.paths();
        if !point.uses_all_sources {
            paths.truncate(1);
        }
        let measured = Measured {
            x: point.x,
            start_seconds: server.start_time().as_secs_f64(),
            started_kib: server.resident()?,
            full: Vec::new(),
            half: Vec::new(),
        };
        let mut host = Self {
            point,
            server,
            body: Body::sized(point.body)?,
            paths,
            measured,
        };

        let mut missing = point.stored;
        while missing > 0 {
            let count = missing.min(FILL);
            let slice = host.slice(Pace::Closed, FILL_MAX, count as usize)?;
            missing -= (slice.requests as u64).min(missing);
        }
        host.slice(
            Pace::Closed,
            arguments.slice.mul_f64(0.3),
            arguments.requests_max,
        )?;
        Ok(host)
    }

    /// Measures one slice at the full rate, and one at half of it.
    fn turn(&mut self, arguments: &Arguments) -> Result<()> {
        let Arguments {
            slice,
            requests_max,
            ..
        } = *arguments;
        let full = self.slice(Pace::Closed, slice, requests_max)?;
        let half = Pace::Open(full.settled_per_second / 2.0);
        let half = self.slice(half, slice, requests_max)?;
        eprintln!(
            "{:>9}  {:>7.0}/s settled  {:>6.1} us CPU  half load p50 {:>6.0} us p99 {:>7.0} us",
            self.point.x, full.settled_per_second, full.cpu_us, half.p50_us, half.p99_us
        );
        self.measured.full.push(full);
        self.measured.half.push(half);
        Ok(())
    }

    fn slice(&mut self, pace: Pace, duration: Duration, requests_max: usize) -> Result<Slice> {
        let expected = self.measured.full.last();
        let plan = Plan {
            connections: self.point.connections,
            pace,
            duration,
            expected: expected.map(|slice| slice.answered_per_second),
            requests_max,
        };
        let target = Target {
            body: &self.body,
            paths: &self.paths,
            is_genuine: true,
        };
        slice::run(&mut self.server, &target, &plan)
    }

    fn end(self) -> Result<Measured> {
        self.server.end()?;
        Ok(self.measured)
    }
}

impl Growth {
    /// Returns the measured points as text.
    pub(crate) fn text(&self) -> String {
        self.curves.iter().map(Curve::text).collect()
    }

    /// Returns the text of the page: the date, and the plots.
    pub(crate) fn captions(&self) -> String {
        let plots = self.curves.iter().map(|curve| {
            let Curve {
                name, dimension, ..
            } = curve;
            format!("\n![By {}](performance/{name}.svg)\n", dimension.label)
        });
        self.machine.text() + "\n" + &plots.collect::<String>()
    }

    /// Writes a plot of each dimension into the folder.
    pub(crate) fn draw(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        for curve in &self.curves {
            let path = folder.join(format!("{}.svg", curve.name));
            fs::write(path, plot::draw(curve))?;
        }
        Ok(())
    }
}

impl Curve {
    fn text(&self) -> String {
        let head = format!(
            "\n{}:\n\n| {} | settled/s | p99 at half load | started in | resident after the start |\n\
             | --- | --- | --- | --- | --- |\n",
            self.name, self.dimension.label
        );
        let rows = self.points.iter().map(|point| {
            format!(
                "| {} | {:.0} | {:.0} µs | {:.2} s | {:.1} MiB |\n",
                self.dimension.text_of(point.x),
                point.rate().median,
                point.p99().median,
                point.start_seconds,
                point.started_kib as f64 / 1024.0
            )
        });
        head + &rows.collect::<String>()
    }
}

impl Measured {
    /// Returns the settled events a second.
    fn rate(&self) -> Spread {
        Spread::of(self.full.iter().map(|slice| slice.settled_per_second))
    }

    /// Returns the time to 99 percent of the answers at half load, in microseconds.
    fn p99(&self) -> Spread {
        Spread::of(self.half.iter().map(|slice| slice.p99_us))
    }
}
