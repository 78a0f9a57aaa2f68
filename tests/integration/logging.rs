//! A log without a reader costs lines, which are counted, and affects neither requests nor the
//! host.

use std::fs::OpenOptions;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use hookyard_testkit::host;
use hookyard_testkit::http::{Client, Webhook};
use hookyard_testkit::load::Load;
use hookyard_testkit::senders::Senders;
use hookyard_testkit::site::Site;
use hookyard_testkit::{PATIENCE, eventually};
use http::Method;
use rustix::process::Signal;
use tokio::process::{Child, Command};

use crate::rig::quick;

/// A host whose standard error the test kit does not read, so the test selects the host's
/// addresses.
struct Unheard {
    child: Child,
    ingress: SocketAddr,
    admin: SocketAddr,
    senders: Arc<Senders>,
    _site: Site,
}

impl Unheard {
    /// Starts a host that logs at all levels.
    async fn start(stderr: Stdio) -> Result<Self> {
        let (ingress, admin) = (unused_address(), unused_address());
        let mut site = Site::temporary()?;
        let senders = Senders::new().await?;
        let config = quick()
            .ingress(&format!("listen = \"{ingress}\""))
            .section("admin", &format!("listen = \"{admin}\""));
        let config = senders.introduce(&mut site, config)?;
        site.configure(&config)?;

        let mut command = serve(&site, stderr).await?;
        let child = command.env("RUST_LOG", "trace").spawn()?;
        let host = Self {
            child,
            ingress,
            admin,
            senders: Arc::new(senders),
            _site: site,
        };
        eventually("the host to listen", || async {
            Ok(host.metrics().await.ok())
        })
        .await?;
        Ok(host)
    }

    /// Sends events from several clients until the condition holds, and at least a thousand. Each
    /// must be accepted.
    async fn deliver_until<F>(&self, what: &str, condition: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<bool>>,
    {
        let load = Load::start(&self.senders, self.ingress, 8, Duration::from_millis(1));
        let is_done = || async {
            let has_accepted = self.metrics().await?.lines().any(is_of_a_thousand_events);
            Ok((has_accepted && condition().await?).then_some(()))
        };
        eventually(what, is_done).await?;
        let sent = load.stop().await?;
        assert!(
            sent.refused.is_empty() && sent.unanswered == 0,
            "{:?}, unanswered {}",
            sent.refused,
            sent.unanswered
        );
        Ok(())
    }

    async fn metrics(&self) -> Result<String> {
        // The admin listener closes connections, so each request has its own.
        Ok(Client::http1()
            .send(Method::GET, self.admin, "/metrics", &Webhook::default())
            .await?
            .text())
    }

    /// Returns the number of lost lines with this reason.
    async fn lost(&self, reason: &str) -> Result<u64> {
        let series = format!("hookyard_log_lines_lost_total{{reason=\"{reason}\"}} ");
        let metrics = self.metrics().await?;
        let count = metrics.lines().find_map(|line| line.strip_prefix(&series));
        Ok(count
            .with_context(|| format!("no {series} in\n{metrics}"))?
            .parse()?)
    }

    /// Sends SIGTERM and waits for the end.
    async fn terminate(mut self) -> Result<ExitStatus> {
        host::send(&self.child, Signal::TERM)?;
        Ok(tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .context("the host goes on")??)
    }
}

fn is_of_a_thousand_events(line: &str) -> bool {
    let count = line.strip_prefix(r#"hookyard_requests_total{status="200",reason="stored"} "#);
    count.is_some_and(|count| count.parse().is_ok_and(|count: u64| count >= 1000))
}

/// Returns an address of this machine that no other process uses. A free port of 127.0.0.1 could be
/// taken before the host binds it.
fn unused_address() -> SocketAddr {
    (
        Ipv4Addr::from_bits(fastrand::u32(0x7f40_0000..0x7fff_ffff)),
        8080,
    )
        .into()
}

async fn serve(site: &Site, stderr: Stdio) -> Result<Command> {
    let mut command = host::serve(site, tokio::task::spawn_blocking(host::binary).await??);
    command.stdout(Stdio::null()).stderr(stderr);
    Ok(command)
}

/// Standard errors that accept nothing: a full disk, and a pipe without a reader.
fn without_room() -> Result<[(&'static str, Stdio); 2]> {
    let full = OpenOptions::new().write(true).open("/dev/full")?;
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    Ok([
        ("a full disk", full.into()),
        ("a closed pipe", writer.into()),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn unwritable_log_does_not_end_host() -> Result<()> {
    for (what, stderr) in without_room()? {
        let host = Unheard::start(stderr).await?;
        host.deliver_until("lost lines to be counted", || async {
            Ok(host.lost("unwritten").await? >= 1000)
        })
        .await?;
        assert_eq!(host.lost("full").await?, 0, "{what}");
        assert_eq!(host.terminate().await?.code(), Some(0), "{what}");
    }

    let site = Site::temporary()?;
    site.write("hookyard.toml", "[ingres]\n")?;
    for (what, stderr) in without_room()? {
        let ended = serve(&site, stderr).await?.status().await?;
        assert_eq!(
            ended.code(),
            Some(2),
            "an invalid configuration with {what} as standard error"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_log_reader_blocks_no_request() -> Result<()> {
    let (mut reader, writer) = std::io::pipe()?;
    let host = Unheard::start(writer.into()).await?;
    host.deliver_until("the queue to be full", || async {
        Ok(host.lost("full").await? > 0)
    })
    .await?;

    // The remaining lines are complete, and the number of lost lines follows them.
    let log = Arc::new(Mutex::new(Vec::new()));
    let reading = std::thread::spawn({
        let log = Arc::clone(&log);
        move || {
            let mut chunk = [0; 64 << 10];
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                log.lock()
                    .expect("unpoisoned")
                    .extend_from_slice(&chunk[..length]);
            }
        }
    });
    let lines = || String::from_utf8_lossy(&log.lock().expect("unpoisoned")).into_owned();
    let reported = || -> u64 {
        let lines = lines();
        let lost = lines
            .lines()
            .filter(|line| line.contains("log lines were lost"));
        lost.filter_map(|line| {
            serde_json::from_str::<serde_json::Value>(line).ok()?["lines"].as_u64()
        })
        .sum()
    };
    let all_are_reported = || async { Ok((reported() == host.lost("full").await?).then_some(())) };
    eventually("all lost lines to be reported", all_are_reported).await?;
    assert_eq!(host.lost("unwritten").await?, 0);

    assert_eq!(host.terminate().await?.code(), Some(0));
    reading.join().expect("no panic");
    assert!(
        lines()
            .trim_end()
            .lines()
            .last()
            .is_some_and(|line| line.contains("\"stopped\"")),
        "the rest is written"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_log_reader_does_not_delay_shutdown() -> Result<()> {
    let (reader, writer) = std::io::pipe()?;
    let host = Unheard::start(writer.into()).await?;
    host.deliver_until("a thousand events", || async { Ok(true) })
        .await?;
    assert_eq!(host.terminate().await?.code(), Some(0));
    drop(reader);
    Ok(())
}
