//! Builds a plugin in Rust: `cargo build --release --target wasm32-wasip2`. The result is a
//! component.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{BuildError, Output, Tool, Workshop};

const TARGET: &str = "wasm32-wasip2";

const CARGO: Tool = Tool {
    names: &["cargo"],
    install: "curl https://sh.rustup.rs -sSf | sh (https://rustup.rs)",
};
const RUSTC: Tool = Tool {
    names: &["rustc"],
    install: CARGO.install,
};
/// The standard library for the target, which is not a program of its own.
const LIBRARY: Tool = Tool {
    names: &[TARGET],
    install: "rustup target add wasm32-wasip2",
};

/// Builds the plugin of a folder.
pub(super) fn build(workshop: &Workshop<'_>) -> Result<Output, BuildError> {
    let cargo = CARGO.find()?.folder(workshop.folder);
    let sysroot = RUSTC
        .find()?
        .folder(workshop.folder)
        .args(["--print", "sysroot"])
        .run()?;
    if !Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(TARGET)
        .is_dir()
    {
        return Err(LIBRARY.missing());
    }

    workshop.say(&format!("cargo build --release --target {TARGET}"));
    // Another folder may have the dependencies already.
    let is_shared = std::env::var_os("CARGO_TARGET_DIR").is_some();
    if !is_shared && !workshop.folder.join("target").exists() {
        workshop.say("the first build compiles the dependencies, which takes a minute or two");
    }
    let messages = cargo
        .args(["build", "--quiet", "--release", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .run_with_warnings(workshop)
        .map_err(without_json)?;
    let path = component(&messages).ok_or_else(|| {
        BuildError::Source(
            "Cargo.toml makes no component: [lib] needs crate-type = [\"cdylib\"]".into(),
        )
    })?;
    Ok(Output::Component(workshop.read(&path)?))
}

/// Returns the last component in Cargo's messages: Cargo builds the plugin after everything that it
/// depends on.
fn component(messages: &str) -> Option<PathBuf> {
    let artifacts = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut files = artifacts
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter_map(|message| {
            let files = message["filenames"].as_array()?;
            let mut paths = files.iter().filter_map(Value::as_str);
            paths
                .find(|path| path.ends_with(".wasm"))
                .map(PathBuf::from)
        });
    files.next_back()
}

/// Removes Cargo's messages for programs from an error. The diagnostics for people stay.
fn without_json(error: BuildError) -> BuildError {
    let BuildError::ToolFailed { output, .. } = error else {
        return error;
    };
    let lines: Vec<_> = output
        .lines()
        .filter(|line| !line.starts_with("{\""))
        .collect();
    BuildError::ToolFailed {
        tool: format!("cargo build --release --target {TARGET}"),
        output: lines.join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_component_is_the_plugin() {
        let messages = "\
{\"reason\":\"compiler-artifact\",\"filenames\":[\"/t/libdep.rlib\"]}
{\"reason\":\"compiler-artifact\",\"filenames\":[\"/t/deps/other.wasm\"]}
{\"reason\":\"compiler-artifact\",\"filenames\":[\"/t/libdecide.rlib\",\"/t/decide.wasm\"]}
{\"reason\":\"build-finished\",\"success\":true}
";
        assert_eq!(component(messages), Some("/t/decide.wasm".into()));
        assert_eq!(component(""), None);
    }
}
