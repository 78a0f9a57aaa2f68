//! What receivers use: the published libraries of `tests/interop`, and receivers in Node and Python that verify by them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// The command that runs a script of `tests/interop` with its packages in reach, which it installs the first time.
fn script(name: &str) -> Result<Command> {
    let mut command = Command::new("bash");
    let packages = workspace::target_folder()?.join("interop");
    command
        .arg(workspace::root().join("tests/interop/run"))
        .arg(packages)
        .arg(name);
    Ok(command)
}

/// What the libraries say of deliveries: a line for each of them and each of its keys, Node's first. That they refuse
/// what was changed is shown as well; see `verify.mjs` for what the file holds.
pub fn verify(deliveries: &Path) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for name in ["verify.mjs", "verify.py"] {
        let Output {
            status,
            stdout,
            stderr,
        } = script(name)?
            .arg(deliveries)
            .output()
            .context("bash can't be run")?;
        ensure!(
            status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&stderr)
        );
        lines.extend(String::from_utf8_lossy(&stdout).lines().map(str::to_owned));
    }
    Ok(lines)
}

/// A receiver in another language, running until it is dropped.
pub struct Receiver {
    process: Child,
    port: u16,
    // Held, because it writes a line for each message and would fail at that.
    _output: BufReader<ChildStdout>,
}

impl Receiver {
    /// Starts `receiver.mjs` or `receiver.py`, which take what is signed with `secret`.
    pub fn start(name: &str, secret: &str) -> Result<Self> {
        let mut command = script(name)?;
        // Python's tells of every request there.
        command
            .env("WEBHOOK_SECRET", secret)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().context("bash can't be run")?;
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

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
