//! The dashboard in a real browser: `tests/dashboard` drives Chromium on hosts of its own. Without
//! Chromium, this test is left out, except in CI.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use hookyard_testkit::{guests, host, workspace};

/// The guests that the tests drop into the plugin folder.
const GUESTS: [&str; 3] = ["forwarder", "untyped-echo", "version-b"];

#[test]
fn pages_work_in_a_browser() -> Result<()> {
    let found = Command::new("chromium").arg("--version").output();
    if found.is_err() && std::env::var_os("CI").is_none() {
        return Ok(());
    }

    let folder = tempfile::tempdir()?;
    for name in GUESTS {
        let file = folder
            .path()
            .join(format!("{}.wasm", name.replace('-', "_")));
        std::fs::write(file, guests::test(name)?.bytes())?;
    }
    let status = Command::new("bash")
        .arg(workspace::root().join("tests/dashboard/run"))
        .arg(workspace::target_folder()?.join("dashboard"))
        .env("HOOKYARD_BIN", host::binary()?)
        .env("HOOKYARD_GUESTS", folder.path())
        .status()
        .context("the tests of the dashboard did not start")?;
    ensure!(
        status.success(),
        "a test of the dashboard failed; its output says which"
    );
    Ok(())
}
