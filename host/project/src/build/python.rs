//! Builds a plugin in Python with componentize-py, which puts Python itself into the component.
//!
//! componentize-py is installed into `build/.venv`, the author's packages into `build/site`, and the
//! author's modules are copied to `build/python`. The component is made of these folders alone, so
//! it does not depend on what else is installed.
//!
//! componentize-py's `--stub-wasi` is not used: a plugin built with it cannot print, read the clock
//! or report an exception, because each of them traps.

mod environment;

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::{BuildError, Output, Workshop};
use crate::bindings::python::arguments;
use crate::files::WriteError;
use environment::Environment;

/// The folders of a plugin that are not part of the component.
const LEFT_OUT: [&str; 5] = ["build", "fixtures", "node_modules", "tests", "wit"];

/// Builds the plugin of a folder.
pub(super) fn build(workshop: &Workshop<'_>) -> Result<Output, BuildError> {
    if !workshop.folder.join("app.py").is_file() {
        return Err(BuildError::Source(
            "app.py is missing; it contains the handler".into(),
        ));
    }
    let environment = Environment::prepare(workshop)?;
    let site = environment.install_packages(workshop)?;

    let sources = workshop.build.join("python");
    stage(workshop.folder, &sources)?;
    let mut folders = vec![sources.clone()];
    folders.extend(site);

    let checked = environment
        .python()
        .arg(sources.join("gen/sdk/hookyard/late.py"))
        .args(&folders)
        .run()?;
    checked.lines().for_each(|line| workshop.say(line));

    workshop.say("componentize-py");
    let component = workshop.build.join("componentize-py.wasm");
    let mut program = environment
        .program("componentize-py")
        .args(["--quiet", "--wit-path"])
        .arg(workshop.folder.join("wit"))
        .arg("--world")
        .arg(&workshop.resolve.worlds[workshop.world].name)
        .args(arguments(workshop.resolve, workshop.world))
        .args(["componentize", "gen.component", "--output"])
        .arg(&component);
    for folder in &folders {
        program = program.arg("--python-path").arg(folder);
    }
    program.run().map_err(without_backtrace)?;
    let bytes = workshop.read(&component)?;
    fs::remove_file(&component).map_err(|source| failed(&component, source))?;
    Ok(Output::Component(bytes))
}

/// Copies the author's files, and no others, into a new folder.
fn stage(from: &Path, to: &Path) -> Result<(), BuildError> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(|source| failed(to, source))?;
    }
    copy(from, to, &LEFT_OUT)
}

fn copy(from: &Path, to: &Path, left_out: &[&str]) -> Result<(), BuildError> {
    fs::create_dir_all(to).map_err(|source| failed(to, source))?;
    for entry in fs::read_dir(from).map_err(|source| failed(from, source))? {
        let path = entry.map_err(|source| failed(from, source))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };

        let is_environment = path.join("pyvenv.cfg").exists();
        if name.starts_with('.')
            || name == "__pycache__"
            || is_environment
            || left_out.contains(&name)
        {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name), &[])?;
        } else {
            fs::copy(&path, to.join(name)).map_err(|source| failed(&path, source))?;
        }
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> WriteError {
    WriteError {
        path: PathBuf::from(path),
        source,
    }
}

/// Keeps the author's traceback of what componentize-py writes, without its own stack and without
/// the frames in generated files.
fn without_backtrace(error: BuildError) -> BuildError {
    let BuildError::ToolFailed { output, .. } = error else {
        return error;
    };
    let (_, message) = output
        .split_once("AssertionError: ")
        .unwrap_or(("", &output));
    let lines = message
        .lines()
        .take_while(|line| line.trim() != "Caused by:")
        .filter(|line| !line.trim().is_empty());

    let mut kept = Vec::new();
    let mut is_generated = false;
    for line in lines {
        if !line.starts_with("   ") {
            is_generated = line.trim_start().starts_with("File \"/0/gen/");
        }
        if !is_generated {
            kept.push(line.replace("File \"/0/", "File \""));
        }
    }
    BuildError::ToolFailed {
        tool: "componentize-py".into(),
        output: kept.join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_are_staged() {
        let folder = tempfile::tempdir().expect("made");
        for path in [
            "app.py",
            "rules/table.json",
            "gen/sdk/hookyard/http.py",
            "tests/test_app.py",
            "rules/tests/a.py",
            ".venv/lib/a.py",
            "env/pyvenv.cfg",
            "env/lib/a.py",
            "build/old.py",
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, "").expect("written");
        }

        let staged = folder.path().join("build/python");
        stage(folder.path(), &staged).expect("staged");
        stage(folder.path(), &staged).expect("staged again");
        let files = crate::files::Files::read(&staged).expect("read");
        let paths: Vec<_> = files.iter().map(|(path, _)| path).collect();
        assert_eq!(
            paths,
            [
                "app.py",
                "gen/sdk/hookyard/http.py",
                "rules/table.json",
                "rules/tests/a.py"
            ]
        );
    }

    #[test]
    fn failure_shows_the_traceback_only() {
        let output = "Traceback (most recent call last):\n  File \"/bin/componentize-py\", line 8\n\
             AssertionError: Traceback (most recent call last):\n  \
             File \"/0/gen/component.py\", line 61, in <module>\n    import app as app\n  \
             File \"/0/app.py\", line 1, in <module>\n    x\nNameError: x\n\nCaused by:\n    NameError: x\n";
        let error = without_backtrace(BuildError::ToolFailed {
            tool: "componentize-py --quiet".into(),
            output: output.into(),
        });
        assert_eq!(
            error.to_string(),
            "`componentize-py` failed\nTraceback (most recent call last):\n  \
             File \"app.py\", line 1, in <module>\n    x\nNameError: x"
        );
    }
}
