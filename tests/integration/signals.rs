//! Signals end the host within a bounded time, reload its configuration, or have no effect.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hookyard_testkit::host::{self, Host, Start, crashing_binary};
use hookyard_testkit::http::{Client, Webhook};
use hookyard_testkit::senders::{Senders, path_of};
use hookyard_testkit::site::Site;
use hookyard_testkit::{PATIENCE, eventually, guests};
use http::Method;
use rustix::process::Signal;

use crate::rig::{Rig, fresh_payment, quick};

/// The exit code of a forced end.
const BLOCKED: i32 = 3;

/// Returns a site with a short `shutdown_timeout`, and the environment in which the host blocks at
/// this point.
async fn blocking(
    at: &str,
    shutdown_timeout: &str,
) -> Result<(Site, Senders, Vec<(String, String)>)> {
    let mut site = Site::temporary()?;
    let senders = Senders::new().await?;
    let config = senders.introduce(
        &mut site,
        quick()
            .top_level(&format!("shutdown_timeout = \"{shutdown_timeout}\""))
            .ingress("store_timeout = \"1s\""),
    )?;
    site.configure(&config)?;
    Ok((
        site,
        senders,
        vec![("HOOKYARD_CRASH_AT".into(), format!("{at}:1:block"))],
    ))
}

/// Waits until the store's writer is blocked, and not just slow.
async fn store_blocks(host: &Host, senders: &Senders) -> Result<()> {
    let client = Client::http1();
    let blocks = || async {
        for _ in 0..3 {
            let webhook = senders.sign("topper", &fresh_payment().1)?;
            if client
                .post(host.address(), &path_of("topper"), &webhook)
                .await?
                .status
                != 503
            {
                return Ok(None);
            }
        }
        Ok(Some(()))
    };
    eventually("the store to block", blocks).await
}

async fn start_blocking(site: &Site, environment: &[(String, String)]) -> Result<Host> {
    let binary = tokio::task::spawn_blocking(crashing_binary).await??;
    match Host::start_with(site, binary, environment).await? {
        Start::Listening(host) => Ok(*host),
        Start::Ended(status, log) => bail!("the host ended ({status}): {}", log.tail(30)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reloads_configuration() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    for _ in 0..2 {
        let mark = rig.host.log().mark();
        rig.host.signal(Signal::HUP)?;
        let is_reloaded =
            |line: &hookyard_testkit::log::Line| line.message() == "configuration reloaded";
        rig.host
            .wait_for_log_since(mark, "the same files to be read again", is_reloaded)
            .await?;
    }
    rig.deliver("topper", &fresh_payment().1).await?;
    assert_eq!(rig.host.terminate().await?.0.code(), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ignored_signals_do_not_end_host() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    for (signal, name) in [(Signal::USR1, "SIGUSR1"), (Signal::USR2, "SIGUSR2")] {
        rig.host.signal(signal)?;
        rig.host
            .wait_for_log(name, |line| line.text_of("signal") == name)
            .await?;
    }
    rig.deliver("topper", &fresh_payment().1).await?;
    assert_eq!(rig.host.terminate().await?.0.code(), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_blocked_start() -> Result<()> {
    let (site, _senders, environment) = blocking("leases-returned", "500ms").await?;
    let binary = tokio::task::spawn_blocking(crashing_binary).await??;
    let mut command = host::serve(&site, binary);
    let mut child = command
        .envs(environment)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let database = site.path("data/hookyard.db-wal");
    eventually("the start to block in the database", || async {
        Ok(database.exists().then_some(()))
    })
    .await?;

    host::send(&child, Signal::TERM)?;
    let ended = tokio::time::timeout(PATIENCE, child.wait())
        .await
        .context("the host stopped")??;
    assert_eq!(ended.code(), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_forces_end_of_blocked_part() -> Result<()> {
    let (site, senders, environment) = blocking("route-half", "500ms").await?;
    site.install("acme/books", &guests::reference("topper")?)?;
    let host = start_blocking(&site, &environment).await?;
    store_blocks(&host, &senders).await?;
    host.ask_to_end()?;
    let (ended, log) = host.wait().await?;
    assert_eq!(ended.code(), Some(BLOCKED), "{}", log.tail(30));
    let is_reported = |text: &str| {
        text.contains("ended by force after 5.5s (still running: ") && text.contains("release")
    };
    assert!(
        log.lines().iter().any(|line| is_reported(&line.text)),
        "{}",
        log.tail(30)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_host_with_blocked_threads() -> Result<()> {
    let (site, senders, mut environment) = blocking("call-before", "500ms").await?;
    environment.push(("TOKIO_WORKER_THREADS".into(), "1".into()));
    let books = guests::reference("topper")?;
    site.install("acme/books", &books)?;
    let host = start_blocking(&site, &environment).await?;
    host.wait_for_revision("acme/books", &books.revision())
        .await?;

    let (client, address) = (Client::http1(), host.address());
    let post = |webhook: Webhook| {
        let client = client.clone();
        async move {
            client
                .post(address, &path_of("topper"), &webhook)
                .await
                .map(|answer| answer.status)
        }
    };
    // The host may or may not answer the event whose attempt blocks it.
    tokio::spawn(post(senders.sign("topper", &fresh_payment().1)?));
    let is_blocked = || async {
        let nothing = Webhook::default();
        let answer = client.send(Method::GET, address, "/", &nothing);
        Ok(tokio::time::timeout(Duration::from_secs(1), answer)
            .await
            .is_err()
            .then_some(()))
    };
    eventually("the host to answer no more", is_blocked).await?;

    host.ask_to_end()?;
    let (ended, log) = host.wait().await?;
    assert_eq!(ended.code(), Some(BLOCKED), "{}", log.tail(30));
    assert!(
        log.lines()
            .iter()
            .any(|line| line.text.contains("ended by force after 5.5s")),
        "{}",
        log.tail(30)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn second_sigterm_ends_blocked_host() -> Result<()> {
    let (site, senders, environment) = blocking("route-half", "1h").await?;
    site.install("acme/books", &guests::reference("topper")?)?;
    let host = start_blocking(&site, &environment).await?;
    store_blocks(&host, &senders).await?;
    host.ask_to_end()?;
    host.wait_for_log("the end to begin", |line| {
        line.message().starts_with("stopping: ")
    })
    .await?;
    host.ask_to_end()?;
    let (ended, log) = host.wait().await?;
    assert_eq!(ended.code(), Some(1), "{}", log.tail(30));
    assert!(
        log.lines()
            .iter()
            .any(|line| line.text.contains("by a second SIGTERM")),
        "{}",
        log.tail(30)
    );
    Ok(())
}
