//! The virtual environment of a build: componentize-py in a fixed version, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use super::failed;
use crate::build::tool::Program;
use crate::build::{BuildError, Tool, Workshop};

/// componentize-py with the hashes of its wheels.
const REQUIREMENTS: &str = include_str!("requirements.txt");
/// The packages of the author.
const LOCK: &str = "requirements.lock";
/// The file in a folder that says what was installed there.
const STAMP: &str = ".installed";

const PYTHON: Tool = Tool {
    names: &[
        "python3",
        "python",
        "python3.14",
        "python3.13",
        "python3.12",
        "python3.11",
    ],
    install: "sudo apt install python3 python3-venv (Python 3.11 or newer)",
};
/// The modules that make an environment, which Debian has in a package of their own.
const VENV: Tool = Tool {
    names: &["the module venv of Python"],
    install: "sudo apt install python3-venv",
};

/// The folder `build/.venv`.
pub(super) struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// Makes the environment, or uses the one of an earlier build.
    pub(super) fn prepare(workshop: &Workshop<'_>) -> Result<Self, BuildError> {
        let environment = Self {
            folder: workshop.build.join(".venv"),
        };
        let stamp = environment.folder.join(STAMP);
        let is_ready = || fs::read_to_string(&stamp).is_ok_and(|text| text == REQUIREMENTS);
        // An environment that was moved, or whose Python was removed, does not run.
        if is_ready()
            && environment
                .program("componentize-py")
                .arg("--version")
                .run()
                .is_ok()
        {
            return Ok(environment);
        }

        workshop.say("installing componentize-py into build/.venv");
        let python = interpreter()?;
        Program::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(&environment.folder)
            .run()
            .map_err(missing_venv)?;
        let requirements = environment.folder.join("requirements.txt");
        fs::write(&requirements, REQUIREMENTS).map_err(|source| failed(&requirements, source))?;
        environment
            .pip()
            .args([
                "--require-hashes",
                "--no-deps",
                "--only-binary",
                ":all:",
                "-r",
            ])
            .arg(&requirements)
            .run()?;
        fs::write(&stamp, REQUIREMENTS).map_err(|source| failed(&stamp, source))?;
        Ok(environment)
    }

    /// Installs the author's packages into `build/site`, and returns the folder if there are any.
    pub(super) fn install_packages(
        &self,
        workshop: &Workshop<'_>,
    ) -> Result<Option<PathBuf>, BuildError> {
        let lock = workshop.folder.join(LOCK);
        let text = fs::read_to_string(&lock).unwrap_or_default();
        if !text.lines().any(is_requirement) {
            return Ok(None);
        }

        let site = workshop.build.join("site");
        let stamp = site.join(STAMP);
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) {
            return Ok(Some(site));
        }
        workshop.say("installing the packages of requirements.lock into build/site");
        if site.exists() {
            fs::remove_dir_all(&site).map_err(|source| failed(&site, source))?;
        }
        self.pip()
            .args([
                "--only-binary",
                ":all:",
                "--platform",
                "any",
                "--abi",
                "none",
            ])
            .args([
                "--implementation",
                "py",
                "--python-version",
                "3.14",
                "--target",
            ])
            .arg(&site)
            .arg("-r")
            .arg(&lock)
            .run()
            .map_err(native)?;
        fs::write(&stamp, text).map_err(|source| failed(&stamp, source))?;
        Ok(Some(site))
    }

    /// Returns the environment's Python.
    pub(super) fn python(&self) -> Program {
        self.program("python").arg("-I")
    }

    fn pip(&self) -> Program {
        self.python().args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
    }

    /// Returns a program of the environment, which sees this environment alone.
    pub(super) fn program(&self, name: &str) -> Program {
        let folder = if cfg!(windows) { "Scripts" } else { "bin" };
        Program::new(self.folder.join(folder).join(name))
            .env("VIRTUAL_ENV", &self.folder)
            .env("PYTHONPATH", "")
            .env("PYTHONDONTWRITEBYTECODE", "1")
    }
}

/// Returns a Python that is new enough.
fn interpreter() -> Result<PathBuf, BuildError> {
    const CHECK: &str = "import sys; sys.exit(sys.version_info < (3, 11))";
    let found = PYTHON
        .names
        .iter()
        .filter_map(|name| super::super::find_program(name));
    let mut usable = found.filter(|path: &PathBuf| is_usable(path, CHECK));
    usable.next().ok_or_else(|| PYTHON.missing())
}

fn is_usable(python: &Path, check: &str) -> bool {
    Program::new(python).args(["-c", check]).run().is_ok()
}

/// Debian's Python says that `ensurepip` is not available if the package python3-venv is missing.
fn missing_venv(error: BuildError) -> BuildError {
    match &error {
        BuildError::ToolFailed { output, .. }
            if output.contains("ensurepip") || output.contains("No module named venv") =>
        {
            VENV.missing()
        }
        _ => error,
    }
}

/// Explains pip's refusal of a package that has no wheel of pure Python.
fn native(error: BuildError) -> BuildError {
    const REFUSAL: &str = "Could not find a version that satisfies the requirement ";
    let BuildError::ToolFailed { output, .. } = &error else {
        return error;
    };
    let Some((_, found)) = output.split_once(REFUSAL) else {
        return error;
    };

    let found = found.lines().next().unwrap_or_default();
    let (package, rest) = found.split_once(" (from ").unwrap_or((found, ""));
    let needed_by = rest.split([')', ' ']).next().unwrap_or_default();
    let subject = match needed_by {
        "" | "versions:" | "-r" => format!("{package} has no wheel of pure Python"),
        other => format!("{other} needs {package}, which has no wheel of pure Python"),
    };
    BuildError::Source(format!(
        "{LOCK}: {subject}: it is native, or there is no such version; replace it by a package \
         of pure Python"
    ))
}

fn is_requirement(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with(['#', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_package_is_named() {
        let explained = |requirement: &str| {
            let output = format!(
                "ERROR: Could not find a version that satisfies the requirement {requirement}\n\
                 ERROR: No matching distribution found"
            );
            native(BuildError::ToolFailed {
                tool: "pip".into(),
                output,
            })
            .to_string()
        };

        assert!(
            explained("pydantic-core==2.33.2 (from pydantic) (from versions: 0.0.1)").starts_with(
                "requirements.lock: pydantic needs pydantic-core==2.33.2, which has no wheel of \
                 pure Python: it is native"
            )
        );
        assert!(
            explained("numpy==2.2.0 (from versions: none)")
                .starts_with("requirements.lock: numpy==2.2.0 has no wheel of pure Python")
        );
    }

    #[test]
    fn missing_venv_names_the_package() {
        let error = missing_venv(BuildError::ToolFailed {
            tool: "python3 -m venv".into(),
            output: "The virtual environment was not created successfully because ensurepip is \
                     not available."
                .into(),
        });
        assert!(error.to_string().ends_with("sudo apt install python3-venv"));
    }

    #[test]
    fn comments_are_not_requirements() {
        let text = "# a comment\n\n--only-binary :all:\n";
        assert!(!text.lines().any(is_requirement));
        assert!(is_requirement("segno==1.6.6 \\"));
    }
}
