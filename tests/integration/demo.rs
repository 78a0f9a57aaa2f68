//! `cargo demo` checks itself and reports the result in its exit code.

use std::process::Command;

use anyhow::{Context, Result};
use hookyard_testkit::{host, workspace};

#[tokio::test(flavor = "multi_thread")]
async fn demo_succeeds() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // Built before, so that the test below measures the demo alone.
    let binary = tokio::task::spawn_blocking(host::binary).await??;
    let demo = tokio::task::spawn_blocking(workspace::demo).await??;
    let run = Command::new(demo)
        .arg("--folder")
        .arg(folder.path().join("demo"))
        .env("HOOKYARD_BIN", binary)
        .output();
    let output = run.context("the demo did not start")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(printed.contains("second edition"), "{printed}");
    assert_eq!(printed.matches("   verified  ").count(), 3, "{printed}");
    assert!(!printed.contains('\x1b'), "no color without a terminal");
    Ok(())
}
