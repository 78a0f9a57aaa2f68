//! The real host with a new store, and with plugins that check the sum of an order.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hookyard_testkit::site::{Config, Site};
use hookyard_testkit::{guests, host, workspace};
use serde_json::Value;

use super::PATIENCE;
use super::process::Process;
use crate::machine::Processors;

/// The guest that checks the sum of an order.
const PLUGIN: &str = "offer-sums";
/// The counter of ended attempts, up to its labels.
const ATTEMPTS: &str = "hookyard_attempts_total{";
/// The states of events that are not handled, or not as they should be.
const UNFINISHED: &str = "pending,leased,waiting,dead,held,discarded";
/// The maximum number of events that are listed at the end.
const LISTED_MAX: u64 = 200_000;
/// The settings of a plugin whose instances handle many events.
const REUSE: &str = "reuse = { events = 1000000, idle = \"60s\" }\n";

/// What the host serves: a source for each plugin, or one source without a plugin.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// The number of plugins, each with a source of its own.
    pub(crate) plugins: usize,
    /// The number of tenants that the plugins are divided among.
    pub(crate) tenants: usize,
    /// Whether the instances of a plugin handle several events.
    pub(crate) reuse: bool,
    /// The maximum number of connections.
    pub(crate) connections_max: usize,
}

impl Setup {
    pub(crate) const ONE_PLUGIN: Self = Self {
        plugins: 1,
        tenants: 1,
        reuse: false,
        connections_max: 1100,
    };

    /// Returns the path of each source.
    pub(crate) fn paths(&self) -> Vec<String> {
        (0..self.plugins.max(1))
            .map(|number| format!("/{}/orders{number}", self.tenant(number)))
            .collect()
    }

    fn tenant(&self, number: usize) -> String {
        format!("tenant{}", number % self.tenants)
    }

    fn config(&self) -> Result<Config> {
        let cache = workspace::target_folder()?.join("throughput/compiled");
        fs::create_dir_all(cache.parent().context("a folder in a folder")?)?;
        let source = "provider = \"topi-saas\"\nbody_max = \"2MiB\"\n\
             secrets = [{ file = \"shared.secret\" }]";
        let config = Config::new()
            .ingress(&format!("connections_max = {}", self.connections_max))
            .plugins(&format!("cache = {:?}", cache.display().to_string()));
        Ok(self.paths().iter().fold(config, |config, path| {
            config.source(path.trim_start_matches('/'), source)
        }))
    }

    /// Installs the plugins. Each has a revision of its own, as plugins of different authors have.
    fn install(&self, site: &Site) -> Result<()> {
        if self.plugins == 0 {
            return Ok(());
        }
        let guest = guests::test(PLUGIN)?;
        for number in 0..self.plugins {
            let plugin = format!("{}/checks{number}", self.tenant(number));
            let reuse = if self.reuse { REUSE } else { "" };
            let settings = format!("sources = [\"orders{number}\"]\n{reuse}");
            site.write(&format!("plugins/{plugin}.toml"), settings)?;
            site.install(&plugin, &guest.tagged(&number.to_string()))?;
        }
        Ok(())
    }
}

/// A host, without its process.
pub(super) struct Host {
    site: Site,
    binary: PathBuf,
    address: SocketAddr,
    admin: SocketAddr,
    plugins: usize,
    start_time: Duration,
}

impl Host {
    /// Starts the host and waits until it listens and all plugins are active.
    pub(super) fn start(
        setup: &Setup,
        secret: &str,
        processors: &Processors,
    ) -> Result<(Process, Self)> {
        let binary = host::binary()?.to_owned();
        let site = Site::temporary()?;
        site.write("shared.secret", secret)?;
        site.configure(&setup.config()?)?;
        setup.install(&site)?;

        let began = Instant::now();
        let log = File::create(site.path("log"))?;
        let mut command = Command::new("taskset");
        command
            .args(["--cpu-list", &processors.server])
            .arg(&binary)
            .args(["serve", "--log", "json", "--config"])
            .arg(site.config())
            .env_remove("RUST_LOG")
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut process = Process::spawn(command)?;
        let log = Started::wait(&site.path("log"), setup.plugins, &mut process)?;
        let host = Self {
            address: log.address.context("the host logged no address")?,
            admin: log.admin.context("the host logged no admin address")?,
            site,
            binary,
            plugins: setup.plugins,
            start_time: began.elapsed(),
        };
        Ok((process, host))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn start_time(&self) -> Duration {
        self.start_time
    }

    pub(super) fn has_plugins(&self) -> bool {
        self.plugins > 0
    }

    /// Returns the number of attempts that ended and are settled. The host counts an attempt after
    /// its settlement is committed. Each must have handled its event.
    pub(super) fn settled(&self) -> Result<u64> {
        let mut stream = TcpStream::connect(self.admin)?;
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let mut settled = 0;
        for line in answer.lines().filter(|line| line.starts_with(ATTEMPTS)) {
            ensure!(
                line.contains("outcome=\"done\""),
                "an attempt failed: {line}"
            );
            let (_, count) = line.rsplit_once(' ').context("a metric without a value")?;
            settled += count.parse::<u64>()?;
        }
        Ok(settled)
    }

    /// Checks that all events are handled and, unless they are very many, that the store contains
    /// exactly this many.
    pub(super) fn check_events(&self, expected: u64) -> Result<()> {
        let unfinished = self.list(&["--state", UNFINISHED])?;
        ensure!(unfinished == 0, "{unfinished} events are not handled");
        if expected > LISTED_MAX {
            return Ok(());
        }
        let stored = self.list(&[])?;
        ensure!(
            stored == expected,
            "{stored} events are stored, but {expected} were accepted"
        );
        Ok(())
    }

    /// Returns the number of stored events that the arguments select.
    fn list(&self, arguments: &[&str]) -> Result<u64> {
        let output = Command::new(&self.binary)
            .args(["events", "list", "--json"])
            .args(arguments)
            .arg("--config")
            .arg(self.site.config())
            .output()
            .context("`hookyard events list` did not start")?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            bail!("`hookyard events list` failed: {why}");
        }
        Ok(output.stdout.iter().filter(|byte| **byte == b'\n').count() as u64)
    }
}

/// What the log contains when a host has started.
#[derive(Default)]
struct Started {
    address: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    active: usize,
}

impl Started {
    /// Waits until the log says that the host listens and that this many plugins are active.
    fn wait(log: &Path, plugins: usize, process: &mut Process) -> Result<Self> {
        let patience = PATIENCE + Duration::from_millis(500) * plugins as u32;
        let began = Instant::now();
        loop {
            let text = fs::read_to_string(log)?;
            let started = Self::read(&text)?;
            if started.address.is_some() && started.admin.is_some() && started.active >= plugins {
                return Ok(started);
            }
            let is_patient = began.elapsed() < patience;
            let running = process.must_run();
            if !is_patient || running.is_err() {
                bail!("the host did not start; its log ends with\n{}", tail(&text));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn read(log: &str) -> Result<Self> {
        let mut started = Self::default();
        for line in log.lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            let field = |name| line["fields"][name].as_str().or(line[name].as_str());
            let address = || field("address").and_then(|address| address.parse().ok());
            match field("message") {
                Some("listening") => started.address = address(),
                Some("plugin active") => started.active += 1,
                Some("plugin refused") => bail!("the host refused the plugin: {line}"),
                _ if field("target") == Some("hookyard::admin") => started.admin = address(),
                _ => {}
            }
        }
        Ok(started)
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
