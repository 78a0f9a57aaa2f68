//! Pipes without a writer in place of files. A plain read would wait forever; the host does not.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hookyard_testkit::events::{Event, is_rejection};
use hookyard_testkit::guests;
use hookyard_testkit::host::{Finished, Host};
use hookyard_testkit::log::Line;

use crate::rig::{Rig, fresh_payment, hookyard, quick};

/// Longer than any command needs, and shorter than an endless wait.
const PATIENCE: Duration = Duration::from_secs(60);

fn pipe(path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    ensure!(
        Command::new("mkfifo").arg(path).status()?.success(),
        "mkfifo failed"
    );
    Ok(())
}

async fn soon<T>(what: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(PATIENCE, what).await?
}

async fn command(rig: &Rig, arguments: &[&str]) -> Result<Finished> {
    soon(hookyard(&rig.site, arguments)).await
}

async fn handles_one_more(rig: &Rig, plugin: &str) -> Result<()> {
    let (id, body) = fresh_payment();
    rig.deliver("topper", &body).await?;
    let done = |events: &[Event]| {
        events
            .iter()
            .any(|event| event.key == id && event.is_done_by(plugin))
    };
    rig.host
        .wait_for_events("the event to be handled", done)
        .await
        .map(drop)
}

async fn ends_at_once(host: Host) -> Result<()> {
    let asked = Instant::now();
    let (status, log) = soon(host.terminate()).await?;
    assert!(
        status.success() && asked.elapsed() < Duration::from_secs(20),
        "{status}: {}",
        log.tail(20)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pipe_in_plugin_folder_blocks_nobody() -> Result<()> {
    let (odd, orders) = (guests::test("version-a")?, guests::test("version-b")?);
    let rig = Rig::prepared(quick(), &[("mallory/odd", &odd)], |site| {
        pipe(&site.path("plugins/mallory/odd.fixtures/first.json"))?;
        pipe(&site.path("plugins/mallory/component.wasm"))?;
        pipe(&site.path("plugins/mallory/settings.toml"))?;
        site.install("mallory/settings", &guests::test("version-a")?)
    })
    .await?;
    for (plugin, why) in [
        ("component", "it is not a file"),
        ("settings", "the .toml beside it is not a file"),
    ] {
        let is_reported =
            |line: &Line| line.message().contains(plugin) && line.message().contains(why);
        rig.host
            .wait_for_log("the line about the odd file", is_reported)
            .await?;
    }
    rig.site.install("acme/orders", &orders)?;
    rig.host
        .wait_for_revision("acme/orders", &orders.revision())
        .await?;
    handles_one_more(&rig, "orders").await?;

    let checked = command(&rig, &["check"]).await?;
    let is_reported = checked
        .stdout
        .contains("first.json: cannot be read: not a regular file");
    assert!(
        is_reported && checked.stdout.contains("ok    plugin acme/orders"),
        "{checked:?}"
    );
    let listed = command(&rig, &["plugins", "list"]).await?;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let shown = command(&rig, &["plugins", "show", "mallory/odd"]).await?;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let file = rig
        .site
        .path("plugins/mallory/component.wasm")
        .to_string_lossy()
        .into_owned();
    let rehearsed = command(&rig, &["rehearse", &file, "--tenant", "mallory"]).await?;
    assert!(
        rehearsed.code == Some(1) && rehearsed.stderr.contains("not a regular file"),
        "{rehearsed:?}"
    );
    ends_at_once(rig.host).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pipe_as_secret_is_a_fault() -> Result<()> {
    let orders = guests::test("version-a")?;
    let rig = Rig::start(quick(), &[("acme/orders", &orders)]).await?;
    pipe(&rig.site.path("pipe"))?;
    let good = std::fs::read_to_string(rig.site.config())?;
    let destination = "url = \"https://partner.example/\"\nsecrets = [{ file = \"pipe\" }]";
    rig.site.write(
        "hookyard.toml",
        format!("{good}\n[tenants.acme.destinations.odd]\n{destination}\n"),
    )?;
    let refused = |line: &Line| line.message().contains("not a regular file");
    rig.host.wait_for_log("the fault", refused).await?;
    rig.host
        .wait_for_log("the refusal", |line| {
            line.message().starts_with("configuration refused")
        })
        .await?;
    let checked = command(&rig, &["check"]).await?;
    assert!(
        checked.code != Some(0) && checked.stderr.contains("pipe cannot be read: not a"),
        "{checked:?}"
    );
    let started = command(&rig, &["serve"]).await?;
    assert!(
        started.code != Some(0) && started.stderr.contains("pipe cannot be read: not a"),
        "{started:?}"
    );

    // The host reads a plugin's credential together with its settings.
    let settings = "[grants.http.\"api.example.com\"]\nauthorization = { file = \"token\" }\n";
    pipe(&rig.site.path("plugins/acme/token"))?;
    rig.site.write("plugins/acme/orders.toml", settings)?;
    let line = rig
        .host
        .wait_for_log("the refusal", |line| is_rejection(line, "acme/orders"))
        .await?;
    assert!(line.text.contains("not a regular file"), "{}", line.text);

    rig.site
        .write("hookyard.toml", format!("{good}\n# as before\n"))?;
    rig.host
        .wait_for_log("the reload", |line| {
            line.message() == "configuration reloaded"
        })
        .await?;
    handles_one_more(&rig, "orders").await?;
    ends_at_once(rig.host).await
}
