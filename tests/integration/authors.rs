//! The commands that make and build plugins: `hookyard new`, `build` and `wit --out`.
//!
//! `tests/languages` builds and runs plugins in every language. This module has what goes wrong, and
//! the files that are written.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use hookyard_testkit::host::binary;
use hookyard_testkit::site::Site;
use hookyard_testkit::workspace;

/// The result of a command: the exit code, and everything that it printed.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    text: String,
}

/// Runs a command in a folder. `path` replaces the variable `PATH`.
fn run(folder: &Path, arguments: &str, path: Option<&str>) -> Result<Ended> {
    let mut command = Command::new(binary()?);
    command
        .current_dir(folder)
        .args(arguments.split(' '))
        .env_remove("HOOKYARD_CONFIG");
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let output = command.output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok(Ended {
        code: output.status.code(),
        text: String::from_utf8_lossy(&text).into_owned(),
    })
}

/// Returns the names in a folder, in order.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[test]
fn refused_new_leaves_nothing_behind() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (arguments, code, expected) in [
        (
            "new a --lang rust --provider topi-sas",
            2,
            "did you mean `topi-saas`?",
        ),
        (
            "new a --lang pyton --provider topi",
            2,
            "did you mean `python`?",
        ),
        (
            "new a --lang go --provider topi --engine starling",
            2,
            "Go has no choice of engines",
        ),
        (
            "new ../a --lang rust --provider topi",
            2,
            "cannot be the name of a plugin",
        ),
        ("new a --lang rust", 2, "--provider <NAME>"),
        ("new a --provider topi", 2, "--lang <LANGUAGE>"),
    ] {
        let ended = run(folder.path(), arguments, None)?;
        assert_eq!(ended.code, Some(code), "{arguments}: {ended:?}");
        assert!(ended.text.contains(expected), "{arguments}: {}", ended.text);
        assert_eq!(names(folder.path())?, Vec::<String>::new(), "{arguments}");
    }
    Ok(())
}

#[test]
fn new_folder_names_the_next_commands() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let made = run(
        folder.path(),
        "new mine --lang c --provider topi-saas --http",
        None,
    )?;
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(
        made.text
            .contains("  cd mine\n  hookyard build\n  hookyard dev\n"),
        "{}",
        made.text
    );
    assert!(
        folder
            .path()
            .join("mine/wit/deps/wasi-http/http.wit")
            .is_file()
    );

    let again = run(
        folder.path(),
        "new mine --lang c --provider topi-saas",
        None,
    )?;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(
        again
            .text
            .contains("mine exists; choose another name, or remove it"),
        "{again:?}"
    );
    assert_eq!(names(folder.path())?, ["mine"]);
    Ok(())
}

#[test]
fn build_without_tools_names_their_installation() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let outside = run(folder.path(), "build", None)?;
    assert_eq!(outside.code, Some(1), "{outside:?}");
    assert!(
        outside.text.contains("is not the folder of a plugin"),
        "{}",
        outside.text
    );

    run(folder.path(), "new mine --lang rust --provider topi", None)?;
    let inside = folder.path().join("mine/src");
    let ended = run(&inside, "build", Some("/nowhere"))?;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.text.contains("cargo is not installed; install it: "),
        "{}",
        ended.text
    );
    Ok(())
}

#[test]
fn wit_of_own_provider_is_written() -> Result<()> {
    let site = Site::temporary()?;
    let providers = workspace::root().join("tests/languages/providers");
    let text = format!("[providers]\nfolder = \"{}\"\n", providers.display());
    site.write("hookyard.toml", text)?;

    let folder = site.path("");
    let arguments = "wit --out mine --provider shopfront --keyvalue --config --logging --http";
    let written = run(&folder, arguments, None)?;
    assert_eq!(written.code, Some(0), "{written:?}");
    let world = std::fs::read_to_string(folder.join("mine/plugin.wit"))?;
    for expected in [
        "import wasi:keyvalue/store@0.2.0-draft2;",
        "import wasi:config/store@0.2.0-rc.1;",
        "import wasi:logging/logging@0.1.0-draft;",
        "import wasi:http/outgoing-handler@0.2.12;",
        "export shopfront:webhooks/handler@1.0.0;",
    ] {
        assert!(world.contains(expected), "{expected}: {world}");
    }

    // The folder of a plugin has a copy of the provider, so that all commands work there.
    let made = run(&folder, "new shop --lang zig --provider shopfront", None)?;
    assert_eq!(made.code, Some(0), "{made:?}");
    let inside = run(
        &folder.join("shop"),
        "wit --out again --provider shopfront",
        None,
    )?;
    assert_eq!(inside.code, Some(0), "{inside:?}");

    let again = run(&folder, "wit --out mine --untyped", None)?;
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.text.contains("mine is not empty"), "{}", again.text);
    Ok(())
}
