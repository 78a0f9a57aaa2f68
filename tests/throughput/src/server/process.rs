//! A child process, its processor time and its memory.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that is killed when the value is dropped.
pub(super) struct Process(Child);

impl Process {
    pub(super) fn spawn(mut command: Command) -> Result<Self> {
        let program = command.get_program().to_owned();
        let child = command
            .spawn()
            .with_context(|| format!("{} did not start", program.display()))?;
        Ok(Self(child))
    }

    /// Returns the first line of the piped standard output.
    pub(super) fn first_line(&mut self) -> Result<String> {
        let output = self.0.stdout.take().context("the output is not piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    /// Fails if the process has ended.
    pub(super) fn must_run(&mut self) -> Result<()> {
        match self.0.try_wait()? {
            Some(status) => bail!("the server ended ({status})"),
            None => Ok(()),
        }
    }

    /// Returns the processor time of all threads, ended ones included.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The name of the program, in parentheses, may contain spaces.
        let (_, fields) = stat.rsplit_once(')').context("a strange /proc/…/stat")?;
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Ok(Duration::from_secs_f64(
            ticks as f64 / clock_ticks_per_second() as f64,
        ))
    }

    /// Returns the resident memory in KiB.
    pub(super) fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let text = line.context("the system reports no VmRSS")?.trim();
        text.trim_end_matches(" kB")
            .parse()
            .context("VmRSS is not a number")
    }

    /// Sends SIGTERM and waits for the end.
    pub(super) fn end(&mut self) -> Result<()> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("no process")?, Signal::TERM)?;
        let began = Instant::now();
        while self.0.try_wait()?.is_none() {
            if began.elapsed() > PATIENCE {
                bail!("the server did not end");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if the process has ended.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}
