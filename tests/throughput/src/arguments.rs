//! The command line.

use std::time::Duration;

use anyhow::{Context, Result, bail};

pub(crate) const USAGE: &str = "\
cargo throughput [options]          measures the table of docs/performance.md
cargo throughput growth [options]   measures its plots
  --quick                           a few requests only, to see that everything works
  --rounds N                        rounds of slices [3]
  --seconds S                       the length of a slice [1]
  --cores N                         processors of the server [1]
  --only NAME,…                     of the table: stored, fresh, reused, refused
                                    of the plots: plugins, tenants, stored, body, connections, cores
  --stored-max N                    how many events a store of the plots contains [1000000]
  --json FILE                       writes all measured values to this file
With UPDATE=1, the results replace those in docs/.";

/// What to do.
pub(crate) enum Task {
    Help,
    Table(Arguments),
    Growth(Arguments),
    /// Serve as a floor.
    Floor {
        folder: String,
        is_durable: bool,
    },
}

/// The options of a measurement.
pub(crate) struct Arguments {
    pub(crate) is_quick: bool,
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
    /// The maximum number of requests in a slice.
    pub(crate) requests_max: usize,
    pub(crate) cores: usize,
    pub(crate) only: Vec<String>,
    pub(crate) stored_max: usize,
    pub(crate) json: Option<String>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            is_quick: false,
            rounds: 3,
            slice: Duration::from_secs(1),
            requests_max: usize::MAX,
            cores: 1,
            only: Vec::new(),
            stored_max: 1_000_000,
            json: None,
        }
    }
}

pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Task> {
    let mut words = words.peekable();
    if words.next_if(|word| word == "--help").is_some() {
        return Ok(Task::Help);
    }
    let first = words.next_if(|word| !word.starts_with('-'));
    match first.as_deref() {
        None => Ok(Task::Table(options(words)?)),
        Some("growth") => Ok(Task::Growth(options(words)?)),
        Some(floor @ ("native" | "native-durable")) => Ok(Task::Floor {
            folder: words.next().context("a floor needs a folder")?,
            is_durable: floor == "native-durable",
        }),
        Some(other) => bail!("{other} is not known\n\n{USAGE}"),
    }
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        if word == "--quick" {
            arguments.be_quick();
        } else {
            let value = words.next();
            let value = value.with_context(|| format!("{word} needs a value\n\n{USAGE}"))?;
            arguments.set(&word, value)?;
        }
    }
    Ok(arguments)
}

impl Arguments {
    fn be_quick(&mut self) {
        self.is_quick = true;
        self.rounds = 1;
        self.slice = Duration::from_millis(500);
        self.requests_max = 100;
        self.stored_max = 0;
    }

    fn set(&mut self, option: &str, value: String) -> Result<()> {
        match option {
            "--rounds" => self.rounds = number(option, &value)?,
            "--cores" => self.cores = number(option, &value)?,
            "--stored-max" => self.stored_max = number(option, &value)?,
            "--seconds" => {
                let seconds: Option<f64> = value.parse().ok();
                let slice = seconds.and_then(|it| Duration::try_from_secs_f64(it).ok());
                self.slice = slice.with_context(|| format!("{option} {value}: not a time"))?;
            }
            "--only" => self.only = value.split(',').map(str::to_owned).collect(),
            "--json" => self.json = Some(value),
            _ => bail!("{option} is not known\n\n{USAGE}"),
        }
        Ok(())
    }

    /// Returns whether `name` is to be measured.
    pub(crate) fn selects(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// Fails if `--only` has a name that is not known.
    pub(crate) fn check_names(&self, known: &[&str]) -> Result<()> {
        match self
            .only
            .iter()
            .find(|name| !known.contains(&name.as_str()))
        {
            Some(name) => bail!("--only {name}: there are {}", known.join(", ")),
            None => Ok(()),
        }
    }
}

fn number(option: &str, value: &str) -> Result<usize> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.with_context(|| format!("{option} {value}: not a number from 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Task> {
        parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_change_the_measurement() {
        let Ok(Task::Growth(arguments)) = words("growth --rounds 5 --only body,cores") else {
            panic!("the plots")
        };
        assert_eq!(arguments.rounds, 5);
        assert!(arguments.selects("cores") && !arguments.selects("plugins"));
        assert!(arguments.check_names(&["body"]).is_err());
        assert!(matches!(words("--quick"), Ok(Task::Table(it)) if it.is_quick));
    }

    #[test]
    fn unknown_words_are_refused() {
        for text in ["what", "--what 1", "--rounds", "--rounds 0", "--seconds -1"] {
            assert!(words(text).is_err(), "{text}");
        }
    }
}
