//! The checkout, and cargo as a child process.
//!
//! Tests run after the outer cargo has released its locks, so a child process may build. The paths
//! of built files come from cargo's messages; nothing guesses a path in a target folder.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Returns the root of the checkout.
pub fn root() -> PathBuf {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR"));
    kit.ancestors()
        .nth(2)
        .expect("the kit is two folders below the root")
        .to_owned()
}

/// Returns the target folder of the workspace, which may be outside the checkout.
pub fn target_folder() -> Result<PathBuf> {
    let output = cargo()
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .stderr(Stdio::inherit())
        .output()
        .context("cargo did not start")?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .context("cargo metadata did not answer with JSON")?;
    let folder = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target folder")?;
    Ok(folder.into())
}

/// Returns the demo's binary, and builds it if necessary.
pub fn demo() -> Result<PathBuf> {
    binary("hookyard-demo", "the demo")
}

/// Returns a binary of this workspace, built with the profile of the running test.
///
/// The build selects the whole workspace. Dependencies then have the same features as in `cargo
/// test` and are not compiled twice.
pub(crate) fn binary(name: &str, what: &str) -> Result<PathBuf> {
    binary_with(name, what, None)
}

/// Returns a binary that is built with a feature of its package.
pub(crate) fn binary_with(name: &str, what: &str, feature: Option<&str>) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--workspace", "--bin", name]);
    if let Some(feature) = feature {
        command.args(["--features", feature]);
    }
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let artifacts = build(command, what)?;
    let found = artifacts
        .into_iter()
        .rfind(|artifact| artifact.name == name && artifact.is_executable);
    found
        .and_then(|artifact| artifact.files.into_iter().next_back())
        .with_context(|| format!("cargo built no {name}"))
}

/// Returns a command for the running cargo, with the root as its working folder.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // These variables describe our own package, and the child builds another one.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text.starts_with("CARGO_BIN_")
        {
            command.env_remove(name);
        }
    }
    command
}

/// A result of a build.
pub(crate) struct Artifact {
    /// The name of the target.
    pub(crate) name: String,
    /// The files; the last one is the executable.
    pub(crate) files: Vec<PathBuf>,
    /// Whether the result can run on this machine.
    pub(crate) is_executable: bool,
}

/// Runs `cargo build`, with progress and errors on standard error, and returns the results.
pub(crate) fn build(mut command: Command, what: &str) -> Result<Vec<Artifact>> {
    let mut child = command
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cargo did not start to build {what}"))?;
    let stdout = child.stdout.take().expect("standard output is piped");
    let mut artifacts = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let message: Value = serde_json::from_str(&line?).unwrap_or_default();
        artifacts.extend(artifact(&message));
    }
    if !child.wait()?.success() {
        bail!("{what} did not build; cargo's own message stands above");
    }
    Ok(artifacts)
}

fn artifact(message: &Value) -> Option<Artifact> {
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let files = message["filenames"]
        .as_array()?
        .iter()
        .filter_map(Value::as_str);
    let executable = message["executable"].as_str();
    Some(Artifact {
        name: message["target"]["name"].as_str()?.to_owned(),
        files: files.chain(executable).map(PathBuf::from).collect(),
        is_executable: executable.is_some(),
    })
}
