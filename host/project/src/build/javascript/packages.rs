//! The packages of npm that a build needs, in the author's `node_modules`.

use std::path::PathBuf;

use serde_json::Value;

use super::super::tool::Program;
use super::super::{BuildError, Tool, Workshop};

/// The packages, the versions that Hookyard is tested with, and packages that they need beside
/// their own dependencies.
const TESTED: [(&str, &str, &str); 4] = [
    ("typescript", "7.0.2", ""),
    ("esbuild", "0.28.2", ""),
    ("componentize-qjs", "0.4.5", ""),
    // It uses this package without naming it, and fails with 0.26.
    (
        "@bytecodealliance/componentize-js",
        "0.23.0",
        " @bytecodealliance/preview2-shim@0.25.0",
    ),
];

const NPM: Tool = Tool {
    names: &["npm"],
    install: "apt-get install npm, or Node.js from https://nodejs.org",
};

/// The installed packages of a folder.
#[derive(Debug)]
pub(super) struct Packages<'a, 'w> {
    workshop: &'a Workshop<'w>,
    folder: PathBuf,
}

impl<'a, 'w> Packages<'a, 'w> {
    /// Installs the packages of the lock file if there is no `node_modules`.
    pub(super) fn installed(workshop: &'a Workshop<'w>) -> Result<Self, BuildError> {
        let folder = workshop.folder.join("node_modules");
        if !folder.is_dir() {
            let has_lock = workshop.folder.join("package-lock.json").is_file();
            let command = if has_lock { "ci" } else { "install" };
            workshop.say(&format!("npm {command}"));
            let npm = NPM.find()?.folder(workshop.folder).arg(command);
            npm.args(["--no-audit", "--no-fund", "--ignore-scripts"])
                .run()?;
        }
        Ok(Self { workshop, folder })
    }

    /// Returns a program of a package, and warns if the package has another version than the tested
    /// one.
    pub(super) fn tool(&self, package: &str, program: &str) -> Result<Program, BuildError> {
        let tested = TESTED.iter().find(|(name, ..)| *name == package);
        let (_, tested, others) = tested.copied().unwrap_or_default();
        let description = std::fs::read(self.folder.join(package).join("package.json"));
        let path = self.folder.join(".bin").join(program);

        let Some(description) = description.ok().filter(|_| path.is_file()) else {
            return Err(BuildError::MissingTool {
                tool: package.to_owned(),
                install: format!("npm install --save-dev --save-exact {package}@{tested}{others}"),
            });
        };
        if let Ok(description) = serde_json::from_slice::<Value>(&description)
            && let Some(version) = description["version"].as_str()
        {
            self.workshop.expect_version(package, version, tested);
        }
        Ok(Program::new(path).folder(self.workshop.folder))
    }
}

/// Shortens the error of a tool that runs on Node: the name of the tool instead of the command line,
/// and its message without the stack of Node.
pub(super) fn brief(error: BuildError, name: &str) -> BuildError {
    let BuildError::ToolFailed { output, .. } = error else {
        return error;
    };
    let is_stack = |line: &&str| line.starts_with("node:") || line.starts_with("    at ");
    let lines: Vec<_> = output.lines().take_while(|line| !is_stack(line)).collect();
    let message = lines.join("\n").trim().to_owned();
    BuildError::ToolFailed {
        tool: name.to_owned(),
        output: if message.is_empty() { output } else { message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_of_tool_has_no_stack_of_node() {
        for (output, expected) in [
            (
                "✘ [ERROR] No matching export\n\nnode:child_process:930\n    throw err;\n",
                "`esbuild` failed\n✘ [ERROR] No matching export",
            ),
            (
                "ComponentError: no world\n    at f (a.js:1:2)\n",
                "`esbuild` failed\nComponentError: no world",
            ),
            ("node:internal/x:1", "`esbuild` failed\nnode:internal/x:1"),
        ] {
            let error = BuildError::ToolFailed {
                tool: "esbuild --long".to_owned(),
                output: output.to_owned(),
            };
            assert_eq!(brief(error, "esbuild").to_string(), expected);
        }
    }
}
