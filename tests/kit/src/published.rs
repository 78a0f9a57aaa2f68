//! The published libraries that senders and receivers use (`tests/interop`), and receivers in Node
//! and Python that verify with them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::http::Webhook;
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
/// orders. `sign.mjs` describes an order.
pub fn sign(orders: &[Value]) -> Result<BTreeMap<String, Signed>> {
    let file = written(&orders)?;
    let mut signed = BTreeMap::new();
    for name in ["sign.mjs", "sign.py"] {
        let said = output_of(name, file.path())?;
        let by_script: BTreeMap<String, Signed> =
            serde_json::from_str(&said).with_context(|| format!("{name} said {said:?}"))?;
        signed.extend(by_script);
    }
    Ok(signed)
}

/// A request for a library that verifies.
#[derive(Debug, Clone, Serialize)]
pub struct Judged {
    judge: &'static str,
    /// With names in lower case.
    headers: BTreeMap<String, String>,
    body: String,
    key: String,
}

impl Judged {
    /// Creates a request for the library with this name in `judge.mjs`. `key` is what the receiver
    /// verifies with.
    pub fn new(judge: &'static str, webhook: &Webhook, key: &str) -> Self {
        let headers = webhook.headers.iter();
        Self {
            judge,
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                .collect(),
            body: String::from_utf8_lossy(&webhook.body).into_owned(),
            key: key.to_owned(),
        }
    }
}

/// Returns whether the libraries accept each request.
pub fn judge(requests: &[Judged]) -> Result<Vec<bool>> {
    let said = output_of("judge.mjs", written(&requests)?.path())?;
    serde_json::from_str(&said).with_context(|| format!("judge.mjs said {said:?}"))
}

/// Writes a temporary file for a script.
fn written(content: &impl Serialize) -> Result<NamedTempFile> {
    let file = NamedTempFile::new().context("no temporary file can be made")?;
    serde_json::to_writer(&file, content)?;
    Ok(file)
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
