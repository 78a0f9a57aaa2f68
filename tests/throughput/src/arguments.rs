//! The command line.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

const USAGE: &str = "\
cargo throughput [options]          measures the table of docs/performance.md
  --quick                           a few requests only, to see that everything works
  --rounds N                        rounds of slices [3]
  --seconds S                       the length of a slice [1]
  --cores N                         processors of the server [1]
  --only NAME,…                     only these subjects: stored, fresh, reused, refused
  --json FILE                       writes all measured values to this file";

/// What to do.
pub(crate) enum Task {
    Table(Arguments),
    /// Serve as a floor.
    Floor {
        folder: String,
        is_durable: bool,
    },
}

/// The options of a measurement.
pub(crate) struct Arguments {
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
    /// The maximum number of requests in a slice.
    pub(crate) requests_max: usize,
    pub(crate) cores: usize,
    pub(crate) only: Vec<String>,
    pub(crate) json: Option<String>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            rounds: 3,
            slice: Duration::from_secs(1),
            requests_max: usize::MAX,
            cores: 1,
            only: Vec::new(),
            json: None,
        }
    }
}

pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Task> {
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            floor @ ("native" | "native-durable") => {
                let folder = words.next().context("a floor needs a folder")?;
                let is_durable = floor == "native-durable";
                return Ok(Task::Floor { folder, is_durable });
            }
            "--quick" => {
                arguments.rounds = 1;
                arguments.slice = Duration::from_millis(500);
                arguments.requests_max = 100;
                continue;
            }
            _ => {}
        }
        ensure!(OPTIONS.contains(&&*word), "{word} is not known\n\n{USAGE}");
        let value = words
            .next()
            .with_context(|| format!("{word} needs a value"))?;
        arguments.set(&word, value)?;
    }
    Ok(Task::Table(arguments))
}

const OPTIONS: [&str; 5] = ["--rounds", "--seconds", "--cores", "--only", "--json"];

impl Arguments {
    fn set(&mut self, option: &str, value: String) -> Result<()> {
        match option {
            "--rounds" => self.rounds = number(option, &value)?,
            "--cores" => self.cores = number(option, &value)?,
            "--seconds" => {
                let seconds = value
                    .parse()
                    .ok()
                    .and_then(|it| Duration::try_from_secs_f64(it).ok());
                self.slice = seconds.with_context(|| format!("{option} {value}: not a time"))?;
            }
            "--only" => self.only = value.split(',').map(str::to_owned).collect(),
            "--json" => self.json = Some(value),
            _ => bail!("{option} is not known"),
        }
        Ok(())
    }
}

fn number(option: &str, value: &str) -> Result<usize> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.with_context(|| format!("{option} {value}: not a number from 1"))
}
