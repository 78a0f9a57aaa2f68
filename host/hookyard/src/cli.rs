//! The command line: what can be asked for, and what the exit codes mean.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::document::Faults;

/// Receives webhooks, proves who sent them, stores them, and hands them as typed events to WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "hookyard", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or ended by SIGTERM or SIGINT
  1  failed: a port in use, an unreadable folder, a damaged inbox, a plugin that `check` refuses
  2  wrong arguments or a wrong configuration";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Receive webhooks and run plugins until ended
    Serve {
        #[command(flatten)]
        config: Config,
        /// How log lines are written to standard error
        #[arg(long, value_enum, default_value_t = Log::Text)]
        log: Log,
    },
    /// Check the configuration and every plugin without serving
    Check {
        #[command(flatten)]
        config: Config,
    },
    /// Look at stored events
    Events {
        #[command(subcommand)]
        command: Events,
    },
    /// Print the reference configuration: every key with its default
    Config,
}

/// What to do with stored events.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// List all events, the oldest first, with what became of them
    List {
        #[command(flatten)]
        config: Config,
        /// One JSON object per line instead of a table
        #[arg(long)]
        json: bool,
    },
}

/// Which configuration to use.
#[derive(Debug, Args)]
pub(crate) struct Config {
    /// The configuration file; paths in it are relative to its folder
    #[arg(long = "config", value_name = "FILE", default_value = "hookyard.toml")]
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
    /// The configuration is wrong.
    Configuration(Faults),
    /// Something went wrong when it was done.
    Runtime(anyhow::Error),
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
            Self::Configuration(faults) => {
                eprintln!("{faults}");
                ExitCode::from(2)
            }
            Self::Runtime(error) => {
                eprintln!("hookyard: {}", crate::explain::chain(error.as_ref()));
                ExitCode::from(1)
            }
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
            help.push_str(&format!("$ {} --help\n{text}\n", command.get_bin_name().unwrap_or("hookyard")));
        };
        let mut root = Cli::command().term_width(100);
        root.build();
        add(&mut root);
        for command in root.get_subcommands_mut().filter(|command| command.get_name() != "help") {
            add(command);
            command.get_subcommands_mut().filter(|command| command.get_name() != "help").for_each(&mut add);
        }
        let help: String = help.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
        assert_eq!(help, include_str!("cli.txt"), "\n{help}");
    }

    #[test]
    fn the_configuration_is_in_the_working_folder_unless_named() {
        let path = |arguments: &[&str]| match Cli::try_parse_from(arguments).map(|cli| cli.command) {
            Ok(Command::Serve { config, .. } | Command::Check { config }) => Some(config.path),
            _ => None,
        };
        assert_eq!(path(&["hookyard", "serve"]), Some("hookyard.toml".into()));
        assert_eq!(path(&["hookyard", "check", "--config", "other.toml"]), Some("other.toml".into()));
        assert_eq!(path(&["hookyard", "serve", "--confg", "other.toml"]), None);
    }
}
