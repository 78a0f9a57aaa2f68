//! Programs that a build runs.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{BuildError, Workshop};

/// A program that a build needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tool {
    /// The names under which the program may be installed, the best first.
    pub(crate) names: &'static [&'static str],
    /// The line that installs it.
    pub(crate) install: &'static str,
}

impl Tool {
    /// Finds the program in `PATH`.
    pub(crate) fn find(&self) -> Result<Program, BuildError> {
        let path = self.names.iter().find_map(|name| find_program(name));
        path.map(Program::new).ok_or_else(|| self.missing())
    }

    /// Returns the error for a program that is not installed.
    pub(crate) fn missing(&self) -> BuildError {
        BuildError::MissingTool {
            tool: self.names.first().copied().unwrap_or_default().to_owned(),
            install: self.install.to_owned(),
        }
    }
}

/// Finds a program in the folders of `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| is_executable(path))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// A program with its arguments, ready to run.
#[derive(Debug)]
pub(crate) struct Program {
    command: Command,
    /// The command line as messages show it.
    line: String,
}

impl Program {
    /// Makes a program that is called without arguments.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let line = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned();
        Self {
            command: Command::new(path),
            line,
        }
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.line.push(' ');
        self.line.push_str(&argument.as_ref().to_string_lossy());
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// Sets the folder that the program runs in.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Returns the command line as messages show it.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// Runs the program to its end and returns what it wrote to standard output.
    pub(crate) fn run(self) -> Result<String, BuildError> {
        Ok(self.finish()?.0)
    }

    /// Like [`run`](Self::run), and shows what the program wrote to standard error, such as
    /// warnings.
    pub(crate) fn run_with_warnings(self, workshop: &Workshop<'_>) -> Result<String, BuildError> {
        let (stdout, stderr) = self.finish()?;
        let warnings = stderr.trim_end();
        if !warnings.is_empty() {
            workshop.say(warnings);
        }
        Ok(stdout)
    }

    /// Runs the program to its end and returns what it wrote to standard output and to standard
    /// error.
    fn finish(mut self) -> Result<(String, String), BuildError> {
        self.command.stdin(Stdio::null());
        let output = match self.command.output() {
            Ok(output) => output,
            Err(error) => return Err(self.failed(format!("it cannot be started: {error}"))),
        };

        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return Ok((stdout, stderr));
        }
        let parts = [stdout.trim_end(), stderr.trim_end()];
        let text: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if text.is_empty() {
            return Err(self.failed(format!("it ended with {}", output.status)));
        }
        Err(self.failed(text.join("\n")))
    }

    fn failed(&self, output: String) -> BuildError {
        BuildError::ToolFailed {
            tool: self.line.clone(),
            output,
        }
    }
}
