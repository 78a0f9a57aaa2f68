//! Commands whose output cannot be written, because the reader has closed the pipe or the disk is
//! full.

use std::fs::OpenOptions;
use std::process::{Command, Output, Stdio};

use anyhow::Result;
use hookyard_testkit::guests;
use hookyard_testkit::host::binary;
use hookyard_testkit::site::Site;

use crate::rig::{Rig, quick};

/// Runs a command with a site's configuration and `stdout` as its standard output.
fn run(site: &Site, arguments: &[&str], stdout: Stdio) -> Result<Output> {
    let mut command = Command::new(binary()?);
    command
        .args(arguments)
        .envs(site.environment().iter().cloned())
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped());
    Ok(command.spawn()?.wait_with_output()?)
}

/// Returns the writing end of a pipe without a reader.
fn closed_pipe() -> Result<Stdio> {
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    Ok(writer.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_stdout_panics_no_command() -> Result<()> {
    let rig = Rig::start(quick(), &[("acme/books", &guests::reference("topper")?)]).await?;
    rig.deliver("topper", &crate::rig::fresh_payment().1)
        .await?;
    let event = rig.all_done(1).await?.remove(0).id;
    let copy = rig.site.path("copy.db").to_string_lossy().into_owned();
    let config = rig.site.config().to_string_lossy().into_owned();

    let commands: &[&[&str]] = &[
        &["--help"],
        &["--version"],
        &["config"],
        &["check"],
        &["wit"],
        &["plugins", "list"],
        &["plugins", "show", "acme/books"],
        &["events", "list"],
        &["events", "show", &event],
        &["events", "replay", &event],
        &["outbox", "replay", "--all"],
        &["backup", &copy],
    ];
    for command in commands {
        let takes_config = !command[0].starts_with("--") && command[0] != "config";
        let more: &[&str] = if takes_config {
            &["--config", &config]
        } else {
            &[]
        };
        let arguments = [command, more].concat();

        let closed = run(&rig.site, &arguments, closed_pipe()?)?;
        assert_eq!(closed.status.code(), Some(141), "{arguments:?}: {closed:?}");
        assert!(closed.stderr.is_empty(), "{arguments:?}: {closed:?}");
    }

    let full = OpenOptions::new().write(true).open("/dev/full")?;
    let full = run(&rig.site, &["config"], full.into())?;
    assert_eq!(full.status.code(), Some(1), "{full:?}");
    assert!(
        String::from_utf8_lossy(&full.stderr).contains("cannot write standard output"),
        "{full:?}"
    );
    Ok(())
}
