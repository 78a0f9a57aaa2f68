//! The real `hookyard` binary as a child process.
//!
//! The binary is built once and runs on a free loopback port. Tests watch its log and end it. The
//! variable `HOOKYARD_BIN` names another binary, such as a release build; otherwise cargo builds
//! the binary of this checkout. Tests end only children of their own process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::events::Event;
use crate::log::{Line, Log};
use crate::site::Site;
use crate::{PATIENCE, eventually, workspace};

/// Returns the binary under test. The first call may build the binary, which blocks.
pub fn binary() -> Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BINARY.get_or_init(|| match std::env::var_os("HOOKYARD_BIN") {
        Some(path) => Ok(path.into()),
        None => workspace::binary("hookyard", "the host").map_err(|error| format!("{error:#}")),
    });
    built.as_deref().map_err(|error| anyhow!("{error}"))
}

/// Returns the binary with crash points, which `HOOKYARD_CRASH_AT` triggers. The first call may
/// build the binary.
pub fn crashing_binary() -> Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || {
        workspace::binary_with(
            "hookyard-crashing",
            "the host with crash points",
            Some("hookyard/crash-points"),
        )
    };
    let built = BINARY.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.as_deref().map_err(|error| anyhow!("{error}"))
}

/// The result of starting a host.
pub enum Start {
    /// The host listens.
    Listening(Box<Host>),
    /// The host ended before it listened.
    Ended(ExitStatus, Log),
}

/// A running host.
pub struct Host {
    child: Child,
    address: SocketAddr,
    log: Log,
    config: PathBuf,
    environment: Vec<(String, String)>,
}

impl Host {
    /// Starts the host with a site's configuration and waits until the host listens.
    pub async fn start(site: &Site) -> Result<Self> {
        let binary = tokio::task::spawn_blocking(binary).await??;
        match Self::start_with(site, binary, &[]).await? {
            Start::Listening(host) => Ok(*host),
            Start::Ended(status, log) => {
                bail!(
                    "the host ended before it listened ({status}); it wrote\n{}",
                    log.tail(30)
                )
            }
        }
    }

    /// Starts the binary with additional environment variables, and waits until the host listens or
    /// ends.
    pub async fn start_with(
        site: &Site,
        binary: &Path,
        more: &[(String, String)],
    ) -> Result<Start> {
        let (child, log) = spawn(site, binary, more)?;
        let mut host = Self {
            child,
            address: ([127, 0, 0, 1], 0).into(),
            log,
            config: site.config(),
            environment: site.environment().to_vec(),
        };
        let listening = tokio::select! {
            line = host.log.wait_for(0, "the host to listen", PATIENCE, |line| line.message() == "listening") => line?,
            status = host.child.wait() => return Ok(Start::Ended(status?, host.log)),
        };
        host.address = listening
            .text_of("address")
            .parse()
            .context("the log names no address that the host listens on")?;
        Ok(Start::Listening(Box::new(host)))
    }

    /// Starts the binary and kills it after the given time. Returns `false` if the host ended by
    /// itself before.
    pub async fn start_and_kill(site: &Site, binary: &Path, after: Duration) -> Result<bool> {
        let (mut child, _) = spawn(site, binary, &[])?;
        let ended = tokio::time::timeout(after, child.wait()).await;
        child.kill().await.context("the host could not be killed")?;
        Ok(ended.is_err())
    }

    /// Returns the address at which the host listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Returns the log of the host.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Returns all log lines up to now. The host writes its log with a short delay, so this
    /// function sends a signal that the host only logs, and waits for that line.
    pub async fn lines(&self) -> Result<Vec<Line>> {
        let mark = self.log.mark();
        self.signal(Signal::USR2)?;
        self.wait_for_log_since(mark, "the log to catch up", |line| {
            line.text_of("signal") == "SIGUSR2"
        })
        .await?;
        Ok(self.log.lines())
    }

    /// Waits for a log line, past or future.
    pub async fn wait_for_log(&self, what: &str, wanted: impl Fn(&Line) -> bool) -> Result<Line> {
        self.log.wait_for(0, what, PATIENCE, wanted).await
    }

    /// Waits for a log line after the mark.
    pub async fn wait_for_log_since(
        &self,
        mark: usize,
        what: &str,
        wanted: impl Fn(&Line) -> bool,
    ) -> Result<Line> {
        self.log.wait_for(mark, what, PATIENCE, wanted).await
    }

    /// Waits until the plugin runs this revision.
    pub async fn wait_for_revision(&self, plugin: &str, revision: &str) -> Result<Line> {
        let what = format!("{plugin} to run {}", &revision[..12]);
        self.wait_for_log(&what, |line| {
            crate::events::is_activation(line, plugin, revision)
        })
        .await
    }

    /// Returns all events from `hookyard events list --json`, the oldest first.
    pub async fn events(&self) -> Result<Vec<Event>> {
        let config = self.config.to_string_lossy().into_owned();
        let done = run_with(
            &[
                "events",
                "list",
                "--json",
                "--oldest-first",
                "--config",
                &config,
            ],
            &self.environment,
        )
        .await?;
        if done.code != Some(0) {
            bail!(
                "`hookyard events list` failed ({:?}): {}",
                done.code,
                done.stderr
            );
        }
        done.stdout.lines().map(Event::parse).collect()
    }

    /// Reads the events until the condition holds, and returns them.
    pub async fn wait_for_events(
        &self,
        what: &str,
        wanted: impl Fn(&[Event]) -> bool,
    ) -> Result<Vec<Event>> {
        let found = eventually(what, || async {
            let events = self.events().await?;
            Ok(wanted(&events).then_some(events))
        });
        match found.await {
            Ok(events) => Ok(events),
            Err(error) => {
                let events: String = self
                    .events()
                    .await?
                    .iter()
                    .rev()
                    .take(5)
                    .map(|event| format!("    {event:?}\n"))
                    .collect();
                Err(error.context(format!(
                    "the last events are\n{events}and the log ends with\n{}",
                    self.log.tail(20)
                )))
            }
        }
    }

    /// Kills the host with SIGKILL and waits for its end.
    pub async fn kill(mut self) -> Result<Log> {
        self.child
            .kill()
            .await
            .context("the host could not be killed")?;
        Ok(self.log.clone())
    }

    /// Sends SIGKILL without waiting.
    pub fn kill_now(&mut self) -> Result<()> {
        self.child
            .start_kill()
            .context("the host could not be killed")
    }

    /// Waits until the host ends by itself.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        Ok(ended.map_err(|_| {
            anyhow!(
                "the host goes on and on; its log ends with\n{}",
                self.log.tail(30)
            )
        })??)
    }

    /// Sends SIGTERM.
    pub fn ask_to_end(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        send(&self.child, signal)
    }

    /// Waits until the host has ended.
    pub async fn wait(mut self) -> Result<(ExitStatus, Log)> {
        let status = self.ended().await?;
        Ok((status, self.log.clone()))
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(self) -> Result<(ExitStatus, Log)> {
        self.ask_to_end()?;
        self.wait().await
    }
}

/// Sends a signal to a child process.
pub fn send(child: &Child, signal: Signal) -> Result<()> {
    let pid = child
        .id()
        .and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    rustix::process::kill_process(pid.context("the host has already ended")?, signal)
        .with_context(|| format!("signal {} did not reach the host", signal.as_raw()))
}

/// Returns the command that serves a site with this binary, for a test that starts the host itself.
pub fn serve(site: &Site, binary: &Path) -> Command {
    let mut command = command_of(binary, site.environment());
    command
        .args(["serve", "--log", "json", "--config"])
        .arg(site.config());
    command
}

fn spawn(site: &Site, binary: &Path, more: &[(String, String)]) -> Result<(Child, Log)> {
    let mut command = serve(site, binary);
    command.envs(more.iter().cloned());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("the host did not start")?;
    let log = Log::default();
    follow(
        child.stdout.take().expect("standard output is piped"),
        log.clone(),
    );
    follow(
        child.stderr.take().expect("standard error is piped"),
        log.clone(),
    );
    Ok((child, log))
}

fn follow(stream: impl AsyncRead + Unpin + Send + 'static, log: Log) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            log.push(line);
        }
    });
}

/// The result of a run of the binary.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The exit code, or `None` after a signal.
    pub code: Option<i32>,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

/// Runs the binary until it ends.
pub async fn run(arguments: &[&str]) -> Result<Finished> {
    run_with(arguments, &[]).await
}

/// Runs the binary with environment variables until it ends.
pub async fn run_with(arguments: &[&str], environment: &[(String, String)]) -> Result<Finished> {
    let output = command(environment)
        .await?
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    let output = tokio::time::timeout(Duration::from_secs(120), output)
        .await
        .with_context(|| format!("`hookyard {}` did not end", arguments.join(" ")))??;
    Ok(Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

async fn command(environment: &[(String, String)]) -> Result<Command> {
    let binary = tokio::task::spawn_blocking(binary).await??;
    Ok(command_of(binary, environment))
}

fn command_of(binary: &Path, environment: &[(String, String)]) -> Command {
    let mut command = Command::new(binary);
    command
        .env_remove("RUST_LOG")
        .envs(environment.iter().cloned())
        .kill_on_drop(true);
    command
}
