//! The published libraries that senders and receivers use (`tests/interop`), and receivers in Node
//! and Python that verify with them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::workspace;

/// Returns the command that runs a script of `tests/interop`. The first call installs the script's
/// packages.
fn script(name: &str) -> Result<Command> {
    let mut command = Command::new("bash");
    let packages = workspace::target_folder()?.join("interop");
    command
        .arg(workspace::root().join("tests/interop/run"))
        .arg(packages)
        .arg(name);
    Ok(command)
}

/// Runs a script with a file, and returns what the script prints.
fn output_of(name: &str, file: &Path) -> Result<String> {
    let Output {
        status,
        stdout,
        stderr,
    } = script(name)?
        .arg(file)
        .output()
        .context("bash cannot be run")?;
    ensure!(
        status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&stderr)
    );
    Ok(String::from_utf8(stdout)?)
}

/// Runs the libraries and returns their report on the deliveries: one line for each delivery and
/// key, Node first. The report also shows that the libraries refuse changed messages; `verify.mjs`
/// describes the file.
pub fn verify(deliveries: &Path) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for name in ["verify.mjs", "verify.py"] {
        let said = output_of(name, deliveries)?;
        lines.extend(said.lines().map(str::to_owned));
    }
    Ok(lines)
}

/// What a library adds to a request.
#[derive(Debug, Clone, Deserialize)]
pub struct Signed {
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The query with its question mark, or an empty text.
    #[serde(default)]
    pub query: String,
}

/// Signs requests with the libraries of senders, and returns what they add, by the names of the
/// orders. `sign.mjs` describes the file.
pub fn sign(orders: &Path) -> Result<BTreeMap<String, Signed>> {
    let mut signed = BTreeMap::new();
    for name in ["sign.mjs", "sign.py"] {
        let said = output_of(name, orders)?;
        let by_script: BTreeMap<String, Signed> =
            serde_json::from_str(&said).with_context(|| format!("{name} said {said:?}"))?;
        signed.extend(by_script);
    }
    Ok(signed)
}

/// Returns whether the libraries that only verify accept each request. `judge.mjs` describes the
/// file.
pub fn judge(requests: &Path) -> Result<Vec<bool>> {
    let said = output_of("judge.mjs", requests)?;
    serde_json::from_str(&said).with_context(|| format!("judge.mjs said {said:?}"))
}

/// A receiver in another language that runs until it is dropped.
pub struct Receiver {
    process: Child,
    port: u16,
    // Kept open, because the receiver writes a line for each message and would fail otherwise.
    _output: BufReader<ChildStdout>,
}

impl Receiver {
    /// Starts `receiver.mjs` or `receiver.py`, which accept messages signed with `secret`.
    pub fn start(name: &str, secret: &str) -> Result<Self> {
        let mut command = script(name)?;
        // Python logs every request to standard error.
        command
            .env("WEBHOOK_SECRET", secret)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().context("bash cannot be run")?;
        let mut output = BufReader::new(process.stdout.take().context("its output")?);
        let mut said = String::new();
        output.read_line(&mut said)?;
        let port = said
            .trim()
            .strip_prefix("listening on ")
            .and_then(|port| port.parse().ok());
        let port = port
            .with_context(|| format!("{name} said {said:?} and no port; `{command:?}` says why"))?;
        Ok(Self {
            process,
            port,
            _output: output,
        })
    }

    /// Returns the receiver's URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
