//! A log that nobody takes: it costs lines, which are counted, and neither requests nor the host.

use std::fs::OpenOptions;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use hookyard_testkit::host::binary;
use hookyard_testkit::http::{Client, Webhook};
use hookyard_testkit::senders::{Senders, path_of};
use hookyard_testkit::site::Site;
use hookyard_testkit::{PATIENCE, eventually};
use http::Method;
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use crate::rig::{fresh_payment, quick};

/// A host whose standard error is not read by the test kit, so that its addresses are chosen beforehand.
struct Unheard {
    child: Child,
    ingress: SocketAddr,
    admin: SocketAddr,
    senders: Senders,
    client: Client,
    _site: Site,
}

impl Unheard {
    /// Starts one that logs as much as it can.
    async fn start(stderr: Stdio) -> Result<Self> {
        let (ingress, admin) = (free_address()?, free_address()?);
        let mut site = Site::temporary()?;
        let senders = Senders::new().await?;
        let config =
            quick().ingress(&format!("listen = \"{ingress}\"")).section("admin", &format!("listen = \"{admin}\""));
        let config = senders.introduce(&mut site, config)?;
        site.configure(&config)?;

        let mut command = serve(&site, stderr).await?;
        let child = command.env("RUST_LOG", "trace").spawn()?;
        let host = Self { child, ingress, admin, senders, client: Client::http1(), _site: site };
        eventually("the host to listen", || async { Ok(host.metrics().await.ok()) }).await?;
        Ok(host)
    }

    /// Sends events; each must be accepted.
    async fn deliver(&self, count: usize) -> Result<()> {
        for _ in 0..count {
            let webhook = self.senders.sign("topper", &fresh_payment().1)?;
            let answer = self.client.post(self.ingress, &path_of("topper"), &webhook).await?;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        Ok(())
    }

    async fn metrics(&self) -> Result<String> {
        Ok(self.client.send(Method::GET, self.admin, "/metrics", &Webhook::default()).await?.text())
    }

    /// Lines that were lost so far, for that reason.
    async fn lost(&self, reason: &str) -> Result<u64> {
        let series = format!("hookyard_log_lines_lost_total{{reason=\"{reason}\"}} ");
        let metrics = self.metrics().await?;
        let count = metrics.lines().find_map(|line| line.strip_prefix(&series));
        Ok(count.with_context(|| format!("no {series} in\n{metrics}"))?.parse()?)
    }

    /// Asks it to end by SIGTERM and waits until it has.
    async fn terminate(mut self) -> Result<ExitStatus> {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid as i32)).context("it has ended")?;
        rustix::process::kill_process(pid, Signal::TERM)?;
        Ok(tokio::time::timeout(PATIENCE, self.child.wait()).await.context("the host goes on")??)
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

async fn serve(site: &Site, stderr: Stdio) -> Result<Command> {
    let mut command = Command::new(tokio::task::spawn_blocking(binary).await??);
    command
        .args(["serve", "--log", "json", "--config"])
        .arg(site.config())
        .envs(site.environment().iter().cloned())
        .stdout(Stdio::null())
        .stderr(stderr)
        .kill_on_drop(true);
    Ok(command)
}

/// Standard errors that take nothing: a full disk, and a pipe that nobody reads any more.
fn without_room() -> Result<[(&'static str, Stdio); 2]> {
    let full = OpenOptions::new().write(true).open("/dev/full")?;
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    Ok([("a full disk", full.into()), ("a closed pipe", writer.into())])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_ends_nothing() -> Result<()> {
    for (what, stderr) in without_room()? {
        let host = Unheard::start(stderr).await?;
        host.deliver(100).await?;
        let all_lost = || async { Ok((host.lost("unwritten").await? >= 100).then_some(())) };
        eventually("lost lines to be counted", all_lost).await?;
        assert_eq!(host.lost("full").await?, 0, "{what}");
        assert_eq!(host.terminate().await?.code(), Some(0), "{what}");
    }

    let site = Site::temporary()?;
    site.write("hookyard.toml", "[ingres]\n")?;
    for (what, stderr) in without_room()? {
        let ended = serve(&site, stderr).await?.status().await?;
        assert_eq!(ended.code(), Some(2), "a wrong configuration with {what} for a log");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stalls_costs_lines_and_no_request() -> Result<()> {
    let (mut reader, writer) = std::io::pipe()?;
    let host = Unheard::start(writer.into()).await?;
    while host.lost("full").await? == 0 {
        host.deliver(500).await?;
    }
    host.deliver(1000).await?;

    // Everything that was not dropped is still there, and after it how much was.
    let log = Arc::new(Mutex::new(Vec::new()));
    let reading = std::thread::spawn({
        let log = Arc::clone(&log);
        move || {
            let mut chunk = [0; 64 << 10];
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                log.lock().expect("unpoisoned").extend_from_slice(&chunk[..length]);
            }
        }
    });
    let lines = || String::from_utf8_lossy(&log.lock().expect("unpoisoned")).into_owned();
    let told = || -> u64 {
        let lines = lines();
        let told = lines.lines().filter(|line| line.contains("log lines were lost"));
        told.filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()?["lines"].as_u64()).sum()
    };
    let all_told = || async { Ok((told() == host.lost("full").await?).then_some(())) };
    eventually("all lost lines to be told of", all_told).await?;
    assert_eq!(host.lost("unwritten").await?, 0);

    assert_eq!(host.terminate().await?.code(), Some(0));
    reading.join().expect("no panic");
    assert!(lines().trim_end().lines().last().is_some_and(|line| line.contains("\"ended\"")), "the rest is written");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stalls_does_not_hold_up_the_end() -> Result<()> {
    let (reader, writer) = std::io::pipe()?;
    let host = Unheard::start(writer.into()).await?;
    host.deliver(100).await?;
    assert_eq!(host.terminate().await?.code(), Some(0));
    drop(reader);
    Ok(())
}
