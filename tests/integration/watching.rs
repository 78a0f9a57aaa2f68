//! File notifications: the host renews a lost watch and repeats a failed one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use anyhow::{Result, bail};
use hookyard_testkit::guests;
use hookyard_testkit::host::{Host, Start, binary};
use hookyard_testkit::log::Line;
use hookyard_testkit::site::Site;

use crate::rig::{Rig, quick};

/// An interval so long that looking finds nothing.
const NEVER: &str = "rescan = \"1h\"";

fn is_ready(line: &Line) -> bool {
    line.message() == "plugins ready"
}

#[tokio::test(flavor = "multi_thread")]
async fn recreated_folder_is_watched_again() -> Result<()> {
    let (a, b) = (guests::test("version-a")?, guests::test("version-b")?);
    let rig = Rig::start(quick().plugins(NEVER), &[("acme/books", &a)]).await?;
    rig.host.wait_for_log("the first look", is_ready).await?;
    for round in 0..3 {
        let mark = rig.host.log().mark();
        fs::remove_dir_all(rig.site.path("plugins/acme"))?;
        let removed = |line: &Line| line.message().starts_with("plugin removed");
        rig.host
            .wait_for_log_since(mark, "the removal", removed)
            .await?;
        fs::create_dir(rig.site.path("plugins/acme"))?;
        rig.site.install("acme/books", &b)?;
        let of_b = |line: &Line| {
            line.message() == "plugin active" && b.revision().starts_with(&line.text_of("revision"))
        };
        rig.host
            .wait_for_log_since(mark, &format!("round {round}"), of_b)
            .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_folder_is_watched_again() -> Result<()> {
    let (a, b) = (guests::test("version-a")?, guests::test("version-b")?);
    let config = quick().plugins("rescan = \"200ms\"");
    let rig = Rig::start(config, &[("acme/books", &a)]).await?;
    fs::rename(rig.site.path("plugins"), rig.site.path("before"))?;
    fs::create_dir(rig.site.path("plugins"))?;
    rig.site.install("acme/orders", &a)?;
    rig.host
        .wait_for_revision("acme/orders", &a.revision())
        .await?;

    let mark = rig.host.log().mark();
    let text = fs::read_to_string(rig.site.config())?;
    rig.site
        .write("hookyard.toml", text.replace("rescan = \"200ms\"", NEVER))?;
    let reloaded = |line: &Line| line.message() == "configuration reloaded";
    rig.host
        .wait_for_log_since(mark, "the configuration", reloaded)
        .await?;
    rig.site.install("acme/more", &b)?;
    rig.host
        .wait_for_revision("acme/more", &b.revision())
        .await?;
    rig.site.install("acme/orders", &b)?;
    rig.host
        .wait_for_revision("acme/orders", &b.revision())
        .await?;
    Ok(())
}

/// Runs the host without the possibility of a watch until the file `watches` exists. Root in a new
/// user namespace sets this limit.
const WITHOUT_WATCHES: &str = r#"#!/bin/sh
exec unshare --user --map-root-user sh -c '
    limit=/proc/sys/user/max_inotify_instances
    echo 0 > "$limit"
    (while [ ! -e "$SITE/watches" ]; do sleep 0.1; done; echo 64 > "$limit") &
    exec "$HOST" "$@"
' sh "$@"
"#;

/// Returns whether the system has user namespaces. Without them, this cannot be tested.
fn has_namespaces() -> bool {
    let set = "echo 0 > /proc/sys/user/max_inotify_instances";
    let set = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", set])
        .output();
    set.is_ok_and(|set| set.status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_watch_is_retried() -> Result<()> {
    if !has_namespaces() {
        return Ok(());
    }

    let (a, b) = (guests::test("version-a")?, guests::test("version-b")?);
    let site = Site::temporary()?;
    site.configure(&quick().plugins("rescan = \"500ms\""))?;
    site.install("acme/books", &a)?;
    let wrapper = site.write("host", WITHOUT_WATCHES)?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let variables = [
        ("SITE".to_owned(), text(&site.path(""))),
        ("HOST".to_owned(), text(binary()?)),
    ];
    let host = match Host::start_with(&site, &wrapper, &variables).await? {
        Start::Listening(host) => host,
        Start::Ended(status, log) => bail!("the host ended ({status}): {}", log.tail(20)),
    };
    let failing = |line: &Line| {
        line.message()
            .starts_with("cannot listen for changes to files")
    };
    host.wait_for_log("the word that nothing is heard", failing)
        .await?;
    host.wait_for_revision("acme/books", &a.revision()).await?;
    site.install("acme/books", &b)?;
    host.wait_for_revision("acme/books", &b.revision()).await?;

    site.write("watches", "")?;
    let heard = |line: &Line| line.message() == "listening for changes to files again";
    host.wait_for_log("the word that changes are heard", heard)
        .await?;
    let (status, log) = host.terminate().await?;
    assert!(status.success(), "{status}: {}", log.tail(20));
    Ok(())
}
