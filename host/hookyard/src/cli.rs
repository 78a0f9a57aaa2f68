//! The command line: what can be asked for, and what the exit codes mean.

pub(crate) mod filters;
pub(crate) mod listing;
pub(crate) mod outbox;
mod plugins;
pub(crate) mod prefix;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hookyard_model::{PluginName, TenantName};

use crate::output;
use filters::Filters;
use hookyard_config::document::{self, Faults};
use hookyard_config::rehearsal::EVENTS_MAX;
use listing::Listing;
pub(crate) use plugins::Plugins;
use prefix::IdPrefix;

/// Receives webhooks, proves who sent them, stores them, and hands them as typed events to WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "hookyard", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) config: Config,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or ended by SIGTERM or SIGINT
  1  failed: a port in use, an unreadable folder, a damaged inbox, a plugin that `check` refuses
  2  wrong arguments or a wrong configuration
  3  serve: not ended in its time after SIGTERM or SIGINT, so ended by force
  141  the reader of standard output has gone, as in `hookyard wit | head -1`";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Receive webhooks and run plugins until ended
    Serve {
        /// How log lines are written to standard error
        #[arg(long, value_enum, default_value_t = Log::Text)]
        log: Log,
    },
    /// Check the configuration and every plugin without serving
    Check {
        /// One JSON object per line instead of text
        #[arg(long)]
        json: bool,
    },
    /// Look at stored events, and run them again
    Events {
        #[command(subcommand)]
        command: Events,
    },
    /// Look at what plugins asked to have sent, and send it again
    Outbox {
        #[command(subcommand)]
        command: outbox::Outbox,
    },
    /// Look at plugins and their revisions, go back, pin, and release from quarantine
    Plugins {
        #[command(subcommand)]
        command: Plugins,
    },
    /// Try a component out as a plugin, before it is dropped in: with its fixtures, and with stored events
    ///
    /// Nothing is committed or sent. What it does otherwise than the revision that serves is told, and makes this fail.
    Rehearse(Rehearse),
    /// Write a whole copy of the inbox to a file, also while a host serves from it
    Backup {
        /// Where to; a file that exists is never overwritten
        file: PathBuf,
        /// Say what was done as JSON
        #[arg(long)]
        json: bool,
    },
    /// List what plugins may import and export, in which versions, and what has to be granted for it
    Wit {
        /// One JSON object per line instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Print the reference configuration: every key with its default
    Config {
        /// One JSON object, without the comments, instead of TOML
        #[arg(long)]
        json: bool,
    },
    /// Compile one component for the host that started this process
    #[command(hide = true, name = "compile-component")]
    Compile(Compile),
}

/// What to do with stored events.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// List events, the newest first, with what became of them
    List {
        #[command(flatten)]
        listing: Listing,
        #[command(flatten)]
        filters: Filters,
    },
    /// Show one event whole: headers, body, every attempt with its outcome and log, and the messages that came of it
    Show {
        /// The event's id, or its first digits
        id: IdPrefix,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Run events again, whatever came of them; earlier attempts stay on record
    ///
    /// With filters on plugin and state, only the jobs that these are true of run again. A plugin that is named without a
    /// state is also given the events that it has no job for, where it takes the events of their source. What is being attempted at the
    /// moment is left alone. A host that is running takes up the rest within moments, another one when it starts.
    Replay {
        /// The events' ids, or their first digits
        ids: Vec<IdPrefix>,
        #[command(flatten)]
        options: ReplayOptions,
    },
    /// End events that nobody wants handled any more: jobs that are held, waiting, pending or dead, and unrouted events
    ///
    /// Each is then `discarded`, with the reason and the time on record, and goes when its retention says so. What is being
    /// attempted at the moment is left alone. A discarded event holds up no later event of its ordering key.
    Discard {
        /// The events' ids, or their first digits
        ids: Vec<IdPrefix>,
        #[command(flatten)]
        options: DiscardOptions,
    },
}

/// What the process that compiles may use, and for whom it does so.
#[derive(Debug, Args)]
pub(crate) struct Compile {
    #[arg(long)]
    pub(crate) memory_max: u64,
    #[arg(long)]
    pub(crate) cpu_secs_max: u64,
    #[arg(long)]
    pub(crate) parent: u32,
}

/// What is tried out, and as what.
#[derive(Debug, Args)]
pub(crate) struct Rehearse {
    /// The component
    pub(crate) file: PathBuf,
    /// Whose plugin it would be
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: TenantName,
    /// Which plugin it would be, where the file isn't called so
    #[arg(long, value_name = "NAME")]
    pub(crate) plugin: Option<PluginName>,
    /// How many of the last events, rather than as many as are configured
    #[arg(long, value_name = "COUNT", value_parser = last)]
    pub(crate) last: Option<usize>,
    /// After how long nothing more is tried: 30s, 5m; ten minutes unless said
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) time_max: Option<Duration>,
    /// One JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

fn last(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count <= EVENTS_MAX);
    count.ok_or_else(|| format!("must be a whole number, no more than {EVENTS_MAX}"))
}

fn time(text: &str) -> Result<Duration, String> {
    document::duration(text).ok_or_else(|| "must be a time, such as 30s or 5m".to_owned())
}

/// Which events are to run again, and how.
#[derive(Debug, Args)]
pub(crate) struct ReplayOptions {
    #[command(flatten)]
    pub(crate) again: Again,
    /// Run them on this revision rather than on the active one: its first digits, as many as tell it from others
    #[arg(long, value_parser = revision)]
    pub(crate) revision: Option<String>,
    #[command(flatten)]
    pub(crate) filters: Filters,
}

fn revision(text: &str) -> Result<String, String> {
    let is_prefix = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if is_prefix {
        Ok(text.to_owned())
    } else {
        Err("must be a revision, or its first hexadecimal digits".to_owned())
    }
}

/// Which events are to be ended, and why.
#[derive(Debug, Args)]
pub(crate) struct DiscardOptions {
    /// End everything that isn't over, which has to be said where nothing else is
    #[arg(long)]
    pub(crate) all: bool,
    /// Only count
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What goes on record as the reason; one line
    #[arg(long, value_name = "TEXT", value_parser = reason, default_value = "by hand")]
    pub(crate) reason: String,
    /// Say what was done as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) filters: Filters,
}

/// Characters of a reason at most.
const REASON_MAX: usize = 500;

fn reason(text: &str) -> Result<String, String> {
    let is_line = !text.trim().is_empty()
        && text.chars().count() <= REASON_MAX
        && !text.chars().any(char::is_control);
    if is_line {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "must be one line of no more than {REASON_MAX} characters"
        ))
    }
}

/// How what was done once is to be done again.
#[derive(Debug, Args)]
pub(crate) struct Again {
    /// Take everything that is stored, which has to be said where nothing else is
    #[arg(long)]
    pub(crate) all: bool,
    /// Only count
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Begin no more than this many a second
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Say what was done as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse::<f64>()
        .ok()
        .filter(|rate| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "must be a number above zero".to_owned())
}

/// Which configuration to use.
#[derive(Debug, Args)]
pub(crate) struct Config {
    /// The configuration file; paths in it are relative to its folder
    #[arg(
        long = "config",
        value_name = "FILE",
        default_value = "hookyard.toml",
        env = "HOOKYARD_CONFIG",
        hide_env_values = true,
        global = true
    )]
    pub(crate) path: PathBuf,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Log {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments make no sense together.
    Arguments(String),
    /// The configuration is wrong.
    Configuration(Faults),
    /// Something went wrong when it was done.
    Runtime(anyhow::Error),
    /// Standard output could not be written.
    Output(std::io::Error),
    /// What is wrong has been printed already.
    Told,
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Configuration(faults)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Runtime(error)
    }
}

impl Failure {
    /// Says on standard error what is wrong, and how the process is to end.
    pub(crate) fn tell(self) -> ExitCode {
        match self {
            Self::Arguments(why) => {
                output::error(format_args!("hookyard: {why}"));
                ExitCode::from(2)
            }
            Self::Configuration(faults) => {
                output::error(faults);
                ExitCode::from(2)
            }
            Self::Runtime(error) => {
                output::error(format_args!(
                    "hookyard: {}",
                    hookyard_model::chain(error.as_ref())
                ));
                ExitCode::from(1)
            }
            Self::Output(error) => output::exit_code(&error),
            Self::Told => ExitCode::from(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// Change `cli.txt` together with the commands, so that a review sees what users will see.
    #[test]
    fn the_help_is_as_written_down() {
        let mut help = String::new();
        let mut add = |command: &mut clap::Command| {
            let text = command.render_help();
            help.push_str(&format!(
                "$ {} --help\n{text}\n",
                command.get_bin_name().unwrap_or("hookyard")
            ));
        };
        let mut root = Cli::command().term_width(100);
        root.build();
        add(&mut root);
        for command in root
            .get_subcommands_mut()
            .filter(|it| it.get_name() != "help" && !it.is_hide_set())
        {
            add(command);
            command
                .get_subcommands_mut()
                .filter(|command| command.get_name() != "help")
                .for_each(&mut add);
        }
        let help: String = help
            .lines()
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect();
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli.txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(file, &help).expect("written");
        }
        assert!(
            help == std::fs::read_to_string(file).expect("read"),
            "run with UPDATE=1, and review cli.txt:\n{help}"
        );
    }

    #[test]
    fn a_replay_takes_ids_and_filters() {
        let id = "0197308f-0000-7000-8000-000000000001";
        let read = |arguments: &[&str]| {
            Cli::try_parse_from([&["hookyard", "events", "replay"], arguments].concat())
        };
        let Ok(Cli {
            command:
                Command::Events {
                    command: Events::Replay { ids, options },
                },
            ..
        }) = read(&[
            id,
            "--state",
            "dead",
            "--rate",
            "2.5",
            "--dry-run",
            "--revision",
            &"ab".repeat(32),
        ])
        else {
            panic!("it is understood");
        };
        assert_eq!(
            ids.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [id]
        );
        assert_eq!(
            (options.again.rate, options.again.dry_run, options.again.all),
            (Some(2.5), true, false)
        );
        assert_eq!(options.revision, Some("ab".repeat(32)));
        for wrong in [
            &["nonsense"][..],
            &["--rate", "0"],
            &["--rate", "NaN"],
            &["--revision", "abxy"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
        assert!(Cli::try_parse_from(["hookyard", "plugins", "release", "books"]).is_err());
    }

    #[test]
    fn the_configuration_is_in_the_working_folder_unless_named() {
        let path = |arguments: &[&str]| {
            Cli::try_parse_from(arguments)
                .ok()
                .map(|cli| cli.config.path)
        };
        assert_eq!(path(&["hookyard", "serve"]), Some("hookyard.toml".into()));
        assert_eq!(
            path(&["hookyard", "check", "--config", "other.toml"]),
            Some("other.toml".into())
        );
        assert_eq!(
            path(&["hookyard", "--config", "other.toml", "events", "list"]),
            Some("other.toml".into())
        );
        assert_eq!(
            path(&["hookyard", "events", "--config", "other.toml", "list"]),
            Some("other.toml".into())
        );
        assert_eq!(path(&["hookyard", "serve", "--confg", "other.toml"]), None);
    }
}
