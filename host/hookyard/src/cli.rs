//! The command line: the commands, the options of all commands, and the exit codes.
//!
//! Each command has a file in this folder, with its arguments and with what the command does. The
//! parts that several commands have in common are in [`shared`].

mod failure;
pub(crate) mod shared;
pub(crate) mod serve;
pub(crate) mod check;
pub(crate) mod events;
pub(crate) mod outbox;
pub(crate) mod plugins;
pub(crate) mod rehearse;
pub(crate) mod handshakes;
pub(crate) mod refused;
pub(crate) mod trial;
pub(crate) mod backup;
pub(crate) mod wit;
#[cfg(feature = "develop")]
pub(crate) mod new;
#[cfg(feature = "develop")]
pub(crate) mod provider;
#[cfg(feature = "develop")]
pub(crate) mod build;
pub(crate) mod config;
pub(crate) mod compile;
#[cfg(feature = "develop")]
pub(crate) mod dev;
#[cfg(feature = "develop")]
pub(crate) mod test;
#[cfg(feature = "develop")]
pub(crate) mod send;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use failure::Failure;

const EXIT_CODES: &str = "\
Exit codes:
  0    success, or stopped by SIGTERM or SIGINT
  1    failure: a port in use, an unreadable folder, a damaged store, a plugin that `check` rejects
  2    invalid arguments or an invalid configuration
  3    serve: did not stop in time after SIGTERM or SIGINT and was ended by force;
       provider import: a change breaks plugins that were built before
  141  the reader of standard output went away, as in `hookyard wit | head -1`";

/// Receives webhooks, verifies who sent them, stores them, and passes them as typed events to
/// WebAssembly plugins
#[derive(Debug, Parser)]
#[command(name = "hookyard", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    /// The configuration file; paths in the file are relative to its folder
    #[arg(
        long = "config",
        value_name = "FILE",
        default_value = "hookyard.toml",
        env = "HOOKYARD_CONFIG",
        hide_env_values = true,
        global = true
    )]
    pub(crate) config_path: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Receive webhooks and run plugins until stopped
    Serve(serve::Arguments),
    /// Check the configuration and every plugin without serving
    Check(check::Arguments),
    /// List, show, replay and discard stored events
    Events {
        #[command(subcommand)]
        command: events::Command,
    },
    /// List, show and replay the messages that plugins send
    Outbox {
        #[command(subcommand)]
        command: outbox::Command,
    },
    /// List and show plugins, roll back, pin, and end quarantines and blocks
    Plugins {
        #[command(subcommand)]
        command: plugins::Command,
    },
    /// Rehearse a component with its fixtures and with stored events before it is dropped in
    ///
    /// A rehearsal commits nothing and sends nothing. The command reports every difference from the
    /// active revision, and fails if there is one.
    Rehearse(rehearse::Arguments),
    /// Show the secrets that the handshakes of a source brought, once
    ///
    /// Asana and Notion choose the secret of an endpoint and send it with their first request. The
    /// host keeps the last few secrets of a source with `learning = true` and never trusts them. The
    /// command shows them and removes them. Add the right one to `secrets` of the source.
    Handshakes(handshakes::Arguments),
    /// List and show the last refused requests of sources with `refused_kept`
    ///
    /// The store keeps them without their credentials. `hookyard try --refused` explains one.
    Refused {
        #[command(subcommand)]
        command: refused::Command,
    },
    /// Explain why a source accepts or refuses a request, without storing the request
    ///
    /// Reads a request as it was sent over HTTP/1.1 and prints each step: the bytes that are signed,
    /// the signature that was computed and the one that came, the key and the type of the event. The
    /// command recognizes the usual mistakes with secrets, bodies, clocks and URLs. No secret is
    /// printed. The exit code is 1 if the source would refuse the request.
    Try(trial::Arguments),
    /// Copy the store to a file, also while a host serves from it
    Backup(backup::Arguments),
    /// List the interfaces that plugins may import and export, their versions, and the grants that
    /// they need; or write the WIT of a plugin
    Wit(wit::Arguments),
    /// Make the folder of a new plugin, which builds at once
    #[cfg(feature = "develop")]
    New(new::Arguments),
    /// Build the plugin of a folder: build/<name>.wasm
    #[cfg(feature = "develop")]
    Build(build::Arguments),
    /// Make a provider folder of a sender's own description of its webhooks
    #[cfg(feature = "develop")]
    Provider {
        #[command(subcommand)]
        command: provider::Command,
    },
    /// Print the reference configuration: every key with its default
    Config(config::Arguments),
    /// Serve a plugin on this machine, and build it again whenever its sources change
    ///
    /// The command starts a whole host on loopback, whose store vanishes at the end. It sends the
    /// events of the fixtures and the samples of the provider, and shows what comes of each: the
    /// outcome, the log, the written values and the messages, which are shown and not sent.
    #[cfg(feature = "develop")]
    Dev(dev::Arguments),
    /// Run the fixtures of a plugin, without a host
    ///
    /// Builds the plugin and compares what its handler does with each fixture in fixtures/. Everything
    /// that the component imports is granted. Requests get the answers in the fixture.
    #[cfg(feature = "develop")]
    Test(test::Arguments),
    /// Send events of a provider to any URL, signed as the provider signs them
    #[cfg(feature = "develop")]
    Send(send::Arguments),
    /// Compile one component for the host that started this process
    #[command(hide = true, name = "compile-component")]
    Compile(compile::Arguments),
}

/// Returns the arguments of the process. `--config` without a file after `new` or `wit` becomes
/// `--settings`: the interface is called `wasi:config`, and the option of all commands has its name.
pub(crate) fn arguments(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<_> = arguments.collect();
    if !arguments.iter().any(|it| it == "new" || it == "wit") {
        return arguments;
    }

    for index in 0..arguments.len() {
        let next = arguments.get(index + 1);
        let has_file = next.is_some_and(|next| !next.as_encoded_bytes().starts_with(b"-"));
        if arguments[index] == "--config" && !has_file {
            arguments[index] = "--settings".into();
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Change `cli.txt` together with the commands, so that a review sees what users will see.
    #[test]
    fn help_matches_golden_file() {
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
    fn configuration_path_has_a_default() {
        let path = |arguments: &[&str]| {
            let cli = Cli::try_parse_from(arguments).ok()?;
            Some(cli.config_path)
        };

        assert_eq!(path(&["hookyard", "serve"]), Some("hookyard.toml".into()));
        for arguments in [
            &["hookyard", "check", "--config", "other.toml"][..],
            &["hookyard", "--config", "other.toml", "events", "list"],
            &["hookyard", "events", "--config", "other.toml", "list"],
        ] {
            assert_eq!(path(arguments), Some("other.toml".into()), "{arguments:?}");
        }
        assert_eq!(path(&["hookyard", "serve", "--confg", "other.toml"]), None);
    }

    #[test]
    fn config_without_file_is_an_import() {
        let check = |given: &str, expected: &str| {
            let arguments = arguments(given.split(' ').map(OsString::from));
            assert_eq!(arguments.join(std::ffi::OsStr::new(" ")), expected);
        };

        check(
            "h wit --out w --config --http",
            "h wit --out w --settings --http",
        );
        check("h new a --config", "h new a --settings");
        check("h new a --config x.toml", "h new a --config x.toml");
        check("h check --config", "h check --config");
    }

    #[test]
    fn plugin_order_needs_the_tenant() {
        assert!(Cli::try_parse_from(["hookyard", "plugins", "unpin", "acme/books"]).is_ok());
        assert!(Cli::try_parse_from(["hookyard", "plugins", "unpin", "books"]).is_err());
    }
}
