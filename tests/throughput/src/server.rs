//! A server under measurement: a floor, or the real host, as a process of its own on processors of
//! its own.

mod host;
mod process;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use tempfile::TempDir;

use crate::floor::SECRET;
use crate::machine::Processors;
use host::Host;
pub(crate) use host::Setup;
use process::Process;

/// How long a server may make no progress.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the host is asked how many events are settled.
const ASK: Duration = Duration::from_millis(5);

/// What is started.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Native,
    NativeDurable,
    Host(Setup),
}

/// A running server.
pub(crate) struct Server {
    process: Process,
    address: SocketAddr,
    secret: String,
    host: Option<Host>,
    /// The events that were accepted up to now.
    accepted: u64,
    // Kept because dropping this value removes the folder.
    _folder: Option<TempDir>,
}

impl Server {
    pub(crate) fn start(kind: &Kind, processors: &Processors) -> Result<Self> {
        let secret = format!(
            "whsec_{}",
            base64::engine::general_purpose::STANDARD
                .encode(hookyard_testkit::sign::random::<24>())
        );
        match kind {
            Kind::Native => Self::floor(secret, false, processors),
            Kind::NativeDurable => Self::floor(secret, true, processors),
            Kind::Host(setup) => {
                let (process, host) = Host::start(setup, &secret, processors)?;
                Ok(Self {
                    process,
                    address: host.address(),
                    secret,
                    host: Some(host),
                    accepted: 0,
                    _folder: None,
                })
            }
        }
    }

    fn floor(secret: String, is_durable: bool, processors: &Processors) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hookyard-").tempdir()?;
        std::fs::write(folder.path().join(SECRET), &secret)?;
        let mut command = Command::new("taskset");
        command
            .args(["--cpu-list", &processors.server])
            .arg(std::env::current_exe()?)
            .arg(if is_durable {
                "native-durable"
            } else {
                "native"
            })
            .arg(folder.path())
            .stdout(Stdio::piped());
        let mut process = Process::spawn(command)?;
        let address = process.first_line()?;
        Ok(Self {
            process,
            address: address.parse().context("the floor printed no address")?,
            secret,
            host: None,
            accepted: 0,
            _folder: Some(folder),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    /// Returns the processor time of the server up to now.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        self.process.cpu()
    }

    /// Returns the resident memory in KiB.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.process.resident()
    }

    /// Returns how long the host took from its start until its last plugin was active.
    pub(crate) fn start_time(&self) -> Duration {
        self.host.as_ref().map_or(Duration::ZERO, Host::start_time)
    }

    /// Notes that more events were accepted, and waits until the host has settled all of them.
    /// Returns `false` at once if the server has no plugins.
    pub(crate) fn settle(&mut self, accepted: u64) -> Result<bool> {
        self.accepted += accepted;
        let Some(host) = self.host.as_ref().filter(|host| host.has_plugins()) else {
            return Ok(false);
        };
        let (mut settled, mut last) = (0, Instant::now());
        loop {
            let now_settled = host.settled()?;
            if now_settled > settled {
                (settled, last) = (now_settled, Instant::now());
            }
            if settled >= self.accepted {
                break;
            }
            if last.elapsed() > PATIENCE {
                bail!("only {settled} of {} events were settled", self.accepted);
            }
            std::thread::sleep(ASK);
        }
        ensure!(
            settled == self.accepted,
            "{settled} events were settled, but {} accepted",
            self.accepted
        );
        Ok(true)
    }

    /// Ends the server. A host must have stored and handled exactly the accepted events.
    pub(crate) fn end(mut self) -> Result<()> {
        self.process.end()?;
        match &self.host {
            Some(host) => host.check_events(self.accepted),
            None => Ok(()),
        }
    }
}
