//! Tests of the way from a folder to a component, with programs that stand in for compilers.
//!
//! A build finds programs in `PATH`, which belongs to the process. Tests that need another one run
//! this test binary again: [`child`] builds the folder that a variable names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use wasm_encoder::Component;

use super::*;
use crate::support::built_in;
use crate::template::{self, Kind};

const FOLDER: &str = "HOOKYARD_TEST_FOLDER";

/// Builds the folder that the variable names, and prints the result.
#[test]
#[ignore = "other tests start it with an environment of its own"]
fn child() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("a folder"));
    let options = BuildOptions {
        provider: Some(built_in("topi-saas")),
    };
    match build(&folder, &options, &mut |line| println!("progress: {line}")) {
        Ok(built) => println!("built {}", built.size),
        Err(error) => println!("error: {error}"),
    }
}

/// Builds a folder with another `PATH`, and returns what the build printed.
fn build_with(path: &Path, folder: &Path) -> String {
    let output = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "build::tests::child", "--ignored", "--nocapture"])
        .env("PATH", path)
        .env(FOLDER, folder)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Writes an example of the repository into a folder, as a clone has it.
fn example(language: Language) -> TempDir {
    let folder = tempfile::tempdir().expect("made");
    template::files(language, Kind::Example)
        .write(folder.path())
        .expect("written");
    folder
}

/// Makes a folder of programs, which are shell scripts.
fn programs(scripts: &[(&str, &str)]) -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().expect("made");
    for (name, script) in scripts {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    }
    folder
}

/// Makes programs that stand in for Rust. `cargo` runs the script.
fn rust(cargo: &str) -> TempDir {
    let programs = programs(&[("cargo", cargo)]);
    let sysroot = programs.path().join("sysroot");
    fs::create_dir_all(sysroot.join("lib/rustlib/wasm32-wasip2")).expect("made");
    let rustc = format!("echo '{}'", sysroot.display());
    fs::copy(programs.path().join("cargo"), programs.path().join("rustc")).expect("copied");
    fs::write(
        programs.path().join("rustc"),
        format!("#!/bin/sh\n{rustc}\n"),
    )
    .expect("written");
    programs
}

#[test]
fn missing_tool_is_named_with_its_installation() {
    for language in Language::ALL {
        let folder = example(language);
        let output = build_with(Path::new("/nowhere"), folder.path());
        assert!(
            output.contains(" is not installed; install it: "),
            "{language}: {output}"
        );
        assert!(
            !folder.path().join("build/decide.wasm").exists(),
            "{language}"
        );
    }
}

#[test]
fn failing_tool_shows_its_output() {
    let folder = example(Language::Rust);
    let component = folder.path().join("build/decide.wasm");
    fs::create_dir(folder.path().join("build")).expect("made");
    fs::write(&component, "earlier").expect("written");

    let programs = rust("echo '{\"reason\":\"x\"}'; echo 'error: no such field' >&2; exit 101");
    let output = build_with(programs.path(), folder.path());
    let expected =
        "error: `cargo build --release --target wasm32-wasip2` failed\nerror: no such field\n";
    assert!(output.contains(expected), "{output}");
    assert_eq!(fs::read_to_string(&component).expect("kept"), "earlier");
}

#[test]
fn missing_target_is_named() {
    let folder = example(Language::Rust);
    let programs = rust("exit 1");
    fs::remove_dir(programs.path().join("sysroot/lib/rustlib/wasm32-wasip2")).expect("removed");
    let output = build_with(programs.path(), folder.path());
    assert!(
        output.contains("install it: rustup target add wasm32-wasip2"),
        "{output}"
    );
}

#[test]
fn component_has_tools_and_fixtures() {
    let folder = example(Language::Rust);
    let made = folder.path().join("made.wasm");
    fs::write(&made, Component::new().finish()).expect("written");
    let message = format!(
        "{{\"reason\":\"compiler-artifact\",\"filenames\":[\"{}\"]}}",
        made.display()
    );
    let programs = rust(&format!("echo '{message}'; echo 'warning: unused' >&2"));

    let output = build_with(programs.path(), folder.path());
    let component = fs::read(folder.path().join("build/decide.wasm")).expect("written");
    assert!(
        output.contains(&format!("built {}", component.len())),
        "{output}"
    );
    assert!(output.contains("progress: warning: unused\n"), "{output}");
    let text = String::from_utf8_lossy(&component);
    for expected in [
        "hookyard-sdk-rust",
        "hookyard:fixtures",
        "{\"name\":\"wrong-sum\",",
    ] {
        assert!(text.contains(expected), "{expected}");
    }
}

#[test]
fn module_without_the_world_is_refused() {
    let folder = example(Language::C);
    let empty = wasm_encoder::Module::new().finish();
    fs::write(folder.path().join("empty.wasm"), empty).expect("written");
    let script = "while [ $# -gt 1 ]; do [ \"$1\" = -o ] && /bin/cp empty.wasm \"$2\"; shift; done";
    let programs = programs(&[("clang-19", script)]);

    let output = build_with(programs.path(), folder.path());
    assert!(output.contains("error: "), "{output}");
    assert!(
        !folder.path().join("build/decide.wasm").exists(),
        "{output}"
    );
}

#[test]
fn fresh_example_is_completed() {
    let folder = example(Language::Rust);
    let manifest = Manifest::read(folder.path()).expect("valid");
    let none = BuildOptions::default();
    let error = prepare(folder.path(), &manifest, &none, &mut |_| ()).expect_err("no provider");
    assert!(
        error
            .to_string()
            .contains("the provider `topi-saas` is not known here"),
        "{error}"
    );
    assert!(!folder.path().join("wit").exists());

    let mut lines = Vec::new();
    let options = BuildOptions {
        provider: Some(built_in("topi-saas")),
    };
    let mut progress = |line: &str| lines.push(line.to_owned());
    prepare(folder.path(), &manifest, &options, &mut progress).expect("complete");
    prepare(folder.path(), &manifest, &none, &mut progress).expect("it has wit/ already");
    assert_eq!(lines, ["wrote wit/", "wrote fixtures/"]);
    assert!(folder.path().join("fixtures/good.json").is_file());
}

#[test]
fn samples_are_the_fixtures_of_other_providers() {
    let folder = example(Language::Rust);
    let mut manifest = Manifest::read(folder.path()).expect("valid");
    manifest.provider = Some("tipser".to_owned());
    let options = BuildOptions {
        provider: Some(built_in("tipser")),
    };
    prepare(folder.path(), &manifest, &options, &mut |_| ()).expect("complete");
    assert!(
        folder
            .path()
            .join("fixtures/product-changed.json")
            .is_file()
    );
}

#[test]
fn wrong_wit_names_its_place() {
    let folder = example(Language::Rust);
    fs::create_dir(folder.path().join("wit")).expect("made");
    fs::write(
        folder.path().join("wit/plugin.wit"),
        "package a:b;\nworld x {",
    )
    .expect("written");

    let error = build(folder.path(), &BuildOptions::default(), &mut |_| ()).expect_err("refused");
    assert!(error.to_string().contains("plugin.wit:2:"), "{error}");
}
