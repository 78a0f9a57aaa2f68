//! An author's folder, made and built by the commands of the `hookyard` binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hookyard_testkit::guests::Guest;
use hookyard_testkit::host::binary;
use hookyard_testkit::workspace;

use crate::language::Language;

/// A folder that `hookyard new` made.
pub(crate) struct Folder(PathBuf);

/// The result of a build.
pub(crate) struct Build {
    pub(crate) guest: Guest,
    pub(crate) duration: Duration,
}

impl Folder {
    /// Makes the folder `name` in `parent` with these additional arguments.
    pub(crate) fn new(
        parent: &Path,
        name: &str,
        language: &Language,
        arguments: &[&str],
    ) -> Result<Self> {
        let mut all = vec!["new", name, "--lang", language.folder];
        if let Some(engine) = language.engine {
            all.extend(["--engine", engine]);
        }
        all.extend(arguments);
        hookyard(parent, &all)?;
        Ok(Self(parent.join(name)))
    }

    /// Copies a folder of the repository, as a reader of the example does.
    pub(crate) fn copied(parent: &Path, name: &str, from: &str) -> Result<Self> {
        let to = parent.join(name);
        let from = workspace::root().join(from);
        copy(&from, &to)?;
        Ok(Self(to))
    }

    /// Replaces files by those of a folder of the repository.
    pub(crate) fn overlay(&self, from: &str) -> Result<()> {
        copy(&workspace::root().join(from), &self.0)
    }

    /// Writes a file of the author.
    pub(crate) fn write(&self, path: &str, text: &str) -> Result<()> {
        fs::write(self.0.join(path), text).with_context(|| format!("{path} cannot be written"))
    }

    /// Replaces a text in each source file, and requires that one file has the text.
    pub(crate) fn edit(&self, from: &str, to: &str) -> Result<()> {
        let mut changed = 0;
        for path in sources(&self.0)? {
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            if text.contains(from) {
                fs::write(&path, text.replace(from, to))?;
                changed += 1;
            }
        }
        ensure!(changed > 0, "no source file contains {from}");
        Ok(())
    }

    /// Builds the component.
    pub(crate) fn build(&self) -> Result<Build> {
        let began = Instant::now();
        hookyard(&self.0, &["build"])?;
        let duration = began.elapsed();

        let name = self.0.file_name().context("the folder has a name")?;
        let component = self.0.join("build").join(name).with_extension("wasm");
        let bytes = fs::read(&component)
            .with_context(|| format!("`hookyard build` did not write {}", component.display()))?;
        Ok(Build {
            guest: Guest::from(bytes),
            duration,
        })
    }

    /// Runs a command of the language's own tools. The command must succeed.
    pub(crate) fn run(&self, command: &str) -> Result<()> {
        let output = Command::new("bash")
            .current_dir(&self.0)
            .env("CARGO_TARGET_DIR", cargo_folder()?)
            .args(["-c", command])
            .stdin(Stdio::null())
            .output()?;
        ensure!(
            output.status.success(),
            "`{command}` failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Runs the fixtures, and returns the report.
    pub(crate) fn test(&self) -> Result<String> {
        hookyard(&self.0, &["test", "--no-build"])
    }
}

/// Runs a command of the binary in a folder. The command must succeed.
pub(crate) fn hookyard(folder: &Path, arguments: &[&str]) -> Result<String> {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(binary()?)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", cargo_folder()?)
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    let (stdout, stderr) = (
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr),
    );
    ensure!(
        status.success(),
        "`hookyard {}` failed:\n{stdout}{stderr}",
        arguments.join(" ")
    );
    Ok(stdout.into_owned())
}

/// Returns the target folder of all plugins in Rust, whose dependencies are then compiled once.
fn cargo_folder() -> Result<PathBuf> {
    Ok(workspace::target_folder()?.join("guests/authors"))
}

/// Names of files and folders that builds make.
const MADE: [&str; 8] = [
    "build",
    "gen",
    "wit",
    "target",
    "node_modules",
    ".venv",
    ".zig-cache",
    "__pycache__",
];

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());

        if !entry.file_type()?.is_dir() {
            fs::copy(entry.path(), target)?;
        } else if !is_made(&entry.path()) {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn is_made(path: &Path) -> bool {
    MADE.iter().any(|name| path.ends_with(name))
}

/// Returns the author's own files.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.is_dir() {
            files.push(path);
        } else if !is_made(&path) {
            files.extend(sources(&path)?);
        }
    }
    Ok(files)
}
