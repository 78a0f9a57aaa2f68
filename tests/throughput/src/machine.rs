//! The machine: its processors, and the time of a sync on its disk.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

/// The number of open files that the largest load needs, on either side.
const OPEN_FILES: u64 = 4096;
/// The number of measured syncs.
const SYNCS: usize = 100;

/// What a reader must know about the machine.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) kernel: String,
    /// The median time of `fdatasync` after a write of 4 KiB, in microseconds.
    pub(crate) sync_us: f64,
    /// The commit of the checkout, with a mark if files differ from it.
    pub(crate) commit: String,
    pub(crate) date: String,
}

impl Machine {
    pub(crate) fn look() -> Result<Self> {
        Ok(Self {
            processor: processor()?,
            processors: processors()?,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
            sync_us: sync_time(&std::env::temp_dir())?.as_secs_f64() * 1e6,
            commit: output(
                "git",
                &["describe", "--always", "--dirty=, changed", "--exclude=*"],
            )?,
            date: output("date", &["--utc", "+%Y-%m-%d"])?,
        })
    }
}

impl Machine {
    /// Returns a sentence about the machine.
    pub(crate) fn text(&self) -> String {
        format!(
            "Measured on {} at commit {}: {} processors ({}), Linux {}, {:.0} µs for a sync of the disk.",
            self.date, self.commit, self.processors, self.processor, self.kernel, self.sync_us
        )
    }
}

fn processor() -> Result<String> {
    let all = fs::read_to_string("/proc/cpuinfo").context("this measurement needs Linux")?;
    let name = all
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    Ok(name.to_owned())
}

/// Returns the number of processors. This process itself may be bound to one of them.
pub(crate) fn processors() -> Result<usize> {
    let all = fs::read_to_string("/proc/cpuinfo").context("this measurement needs Linux")?;
    let count = all
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    Ok(count.max(1))
}

fn sync_time(folder: &Path) -> Result<Duration> {
    let path = folder.join(format!("hookyard-sync-{}", std::process::id()));
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(times[SYNCS / 2])
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(hookyard_testkit::workspace::root())
        .output()
        .with_context(|| format!("{program} did not start"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The processors of a measurement.
#[derive(Debug, Clone)]
pub(crate) struct Processors {
    /// The processors of the server, as `taskset` reads them.
    pub(crate) server: String,
}

impl Processors {
    /// Moves this process to the last processor, and leaves the first ones, as many as `cores`, to
    /// the server. Must be called before there are other threads.
    pub(crate) fn divide(cores: usize) -> Result<Self> {
        let count = processors()?;
        ensure!(
            (1..=count).contains(&cores),
            "--cores {cores}: this machine has {count}"
        );
        let own = count - 1;
        let moved = Command::new("taskset")
            .args(["--cpu-list", "--pid", &own.to_string()])
            .arg(std::process::id().to_string())
            .stdout(std::process::Stdio::null())
            .status()
            .context("taskset did not start; install util-linux")?;
        ensure!(
            moved.success(),
            "taskset did not move this process ({moved})"
        );
        Ok(Self::first(cores))
    }

    /// Returns the first processors, as many as `cores`.
    pub(crate) fn first(cores: usize) -> Self {
        Self {
            server: format!("0-{}", cores - 1),
        }
    }
}

/// Raises the limit on open files, which servers inherit.
pub(crate) fn raise_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let is_enough = limit.current.is_none_or(|current| current >= OPEN_FILES);
    if !is_enough {
        let current = limit
            .maximum
            .map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
        let raised = Rlimit {
            current: Some(current),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).context("the limit on open files stays too low")?;
    }
    Ok(())
}
