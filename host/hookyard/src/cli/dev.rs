//! `hookyard dev`: serves a plugin under development, and shows the results of its events.
//!
//! The command runs the real host in this process, with a generated configuration in a folder that
//! vanishes at the end. [`folder`] is that folder, [`serving`] is the host, [`observer`] sees its
//! attempts, [`terminal`] is the screen, and [`workspace`] builds the plugin.

mod changes;
mod folder;
mod observer;
mod serving;
mod terminal;
mod workspace;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use hookyard_develop::dev::keys::{Key, Keys};
use hookyard_develop::dev::queue::QueuedEvent;

use self::terminal::Terminal;
use self::workspace::{Release, Workspace};
use crate::cli::Failure;
use crate::cli::shared::author::Target;

/// The arguments of `hookyard dev`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of the plugin, or a component
    #[arg(value_name = "FOLDER|COMPONENT", default_value = ".")]
    path: PathBuf,
    /// The port on loopback; 0 for any free port
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Keep the store and the configuration of the host in this folder
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Serve the component in build/, and look for another one there instead of building
    #[arg(long)]
    no_build: bool,
    /// Send the events that were captured in this file: one body, or lines with `headers` and `body`
    #[arg(long, value_name = "FILE")]
    tunnel_from: Option<PathBuf>,
    /// A provider whose events the plugin receives, for an untyped plugin without fixtures
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
}

impl Arguments {
    fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }
}

/// What happened next.
enum Next {
    Key(Key),
    Changed,
    Attempt(Box<observer::Observed>),
    Stopped,
}

/// Serves the plugin until a key or a signal ends the command.
pub(crate) async fn run(config_path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let target = Target::of(&arguments.path)?;
    let terminal = Terminal::start();
    let mut workspace = Workspace::new(config_path, &arguments, target)?;

    let first = loop {
        match workspace.build(&terminal).await? {
            Some(release) => break release,
            None => workspace.changed().await,
        }
    };
    workspace.start(&arguments, first, &terminal).await?;

    // The keys come last, because a terminal in raw mode does not stop a build by Ctrl-C.
    let mut keys = Keys::start();
    terminal.set_raw(keys.is_on());
    terminal.line(&workspace.heading(keys.is_on()))?;
    send_first(&mut workspace, keys.is_on(), &terminal).await?;

    let ended = serve(&mut workspace, &mut keys, &terminal).await;
    drop(keys);
    terminal.set_raw(false);
    workspace.stop().await?;
    ended
}

async fn serve(
    workspace: &mut Workspace,
    keys: &mut Keys,
    terminal: &Terminal,
) -> Result<(), Failure> {
    loop {
        let next = tokio::select! {
            key = keys.next() => Next::Key(key),
            next = workspace.next() => next,
        };

        match next {
            Next::Stopped | Next::Key(Key::Quit) => return Ok(()),
            Next::Key(Key::Next) => {
                let event = workspace.queue.take_next();
                send(workspace, event, terminal).await?;
            }
            Next::Key(Key::Again) => {
                let event = workspace.queue.last();
                send(workspace, event, terminal).await?;
            }
            Next::Key(Key::Log) => terminal.toggle_log()?,
            Next::Key(Key::Open) => open(&workspace.url(), terminal)?,
            Next::Attempt(observed) => {
                let field = workspace.field(&observed);
                terminal.attempt(&observed, workspace.name(&observed), field)?;
            }
            Next::Changed => {
                let release: Option<Release> = workspace.build(terminal).await?;
                if let Some(release) = release {
                    workspace.replace(release, terminal).await?;
                    let event = workspace.queue.last();
                    send(workspace, event, terminal).await?;
                }
            }
        }
    }
}

/// Sends the events that the author wants to see first: those that were captured, or else the first
/// one. Without keys, every event of the fixtures is sent.
async fn send_first(
    workspace: &mut Workspace,
    has_keys: bool,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let captured = workspace.captured;
    let count = match (captured, has_keys) {
        (0, true) => 1,
        (0, false) => workspace.fixture_count.max(1),
        (captured, _) => captured,
    };
    for _ in 0..count {
        let event = workspace.queue.take_next();
        send(workspace, event, terminal).await?;
    }
    Ok(())
}

async fn send(
    workspace: &mut Workspace,
    event: Option<QueuedEvent>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Some(event) = event else {
        return terminal.timed("there is no event to send: add a fixture to fixtures/");
    };
    match workspace.send(&event).await {
        Ok(()) => Ok(()),
        Err(reason) => terminal.timed(&format!("✗ {} was not accepted: {reason}", event.name)),
    }
}

/// Prints the URL, and opens it if the desktop can.
fn open(url: &str, terminal: &Terminal) -> Result<(), Failure> {
    use std::process::{Command, Stdio};

    terminal.line(url)?;
    // A machine without a desktop has no such program, and the URL is printed already.
    let _ = Command::new("xdg-open")
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Ok(())
}
