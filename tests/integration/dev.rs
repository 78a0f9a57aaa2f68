//! `hookyard dev`, without a terminal: the whole host serves a component that changes.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::host::{binary, run_with, send};
use hookyard_testkit::site::Site;
use rustix::process::Signal;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// How long a test waits for a line.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running command, and its lines so far.
struct Dev {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
}

impl Dev {
    async fn start(site: &Site, options: &[&str]) -> Result<Self> {
        let binary = tokio::task::spawn_blocking(binary).await??;
        std::fs::create_dir_all(site.path("tmp"))?;
        let mut child = Command::new(binary)
            .args(["dev", "plugin.wasm", "--port", "0"])
            .args(options)
            .current_dir(site.path(""))
            .env("XDG_CACHE_HOME", site.path("cache"))
            .env("TMPDIR", site.path("tmp"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the command did not start")?;
        let stdout = child.stdout.take().context("standard output is piped")?;
        Ok(Self {
            child,
            lines: BufReader::new(stdout).lines(),
            seen: Vec::new(),
        })
    }

    /// Waits for a line that contains all of these parts.
    async fn line(&mut self, parts: &[&str]) -> Result<String> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
            let Ok(Some(line)) = next.unwrap_or(Ok(None)) else {
                bail!("no line contains {parts:?}:\n{}", self.seen.join("\n"));
            };
            self.seen.push(line.clone());
            if parts.iter().all(|part| line.contains(part)) {
                return Ok(line);
            }
        }
    }

    async fn stop(mut self) -> Result<Option<i32>> {
        send(&self.child, Signal::TERM)?;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        Ok(ended.context("the command goes on")??.code())
    }
}

/// Grants the destination that the guest `counter` sends to.
fn grant(site: &Site) -> Result<()> {
    site.write("plugin.toml", "[grants]\ndestinations = [\"audit\"]\n")?;
    Ok(())
}

fn install(site: &Site, guest: &Guest) -> Result<()> {
    std::fs::write(site.path("plugin.new"), guest.bytes())?;
    std::fs::rename(site.path("plugin.new"), site.path("plugin.wasm"))?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_build_handles_the_last_event() -> Result<()> {
    let site = Site::temporary()?;
    let body = json!({ "id": "e-1", "name": "user:created", "data": {} });
    let fixture = json!({ "event": { "provider": "topper", "body": body } });
    std::fs::create_dir_all(site.path("plugin.fixtures"))?;
    site.write("plugin.fixtures/created.json", fixture.to_string())?;

    grant(&site)?;
    install(&site, &guests::test("trap")?)?;
    let mut dev = Dev::start(&site, &[]).await?;
    dev.line(&["0 of 1 fixtures ok", "active"]).await?;
    let heading = dev.line(&["plugin → http://127.0.0.1:"]).await?;
    dev.line(&["✗ user:created  created  trapped"]).await?;
    dev.line(&["book without a title"]).await?;
    dev.line(&["log", "about to trap"]).await?;
    dev.line(&["nothing kept, nothing sent"]).await?;

    install(&site, &guests::test("counter")?)?;
    dev.line(&["1 of 1 fixtures ok", "active"]).await?;
    dev.line(&["✓ user:created  created  done"]).await?;
    dev.line(&["kept", "= 1"]).await?;
    dev.line(&["sent", "→ audit", "(shown, not sent)"]).await?;

    let url = heading.split(" → ").nth(1).context("a URL")?.trim();
    let sent = [
        "send",
        "topper",
        "--scheme",
        "none",
        "--to",
        url,
        "--event",
        "user-logged-in",
    ];
    let sent = run_with(&sent, &[]).await?;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    dev.line(&["✓ user:logged-in"]).await?;
    dev.line(&["kept", "= 2"]).await?;

    install(&site, &Guest::from(b"no component".to_vec()))?;
    dev.line(&["✗ plugin", "not a WebAssembly component"])
        .await?;

    assert_eq!(dev.stop().await?, Some(0));
    let left = std::fs::read_dir(site.path("tmp"))?.count();
    assert_eq!(left, 0, "the folder of the host is removed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn captured_events_are_replayed() -> Result<()> {
    let site = Site::temporary()?;
    grant(&site)?;
    install(&site, &guests::test("counter")?)?;
    let event = |name: &str| json!({ "id": "captured", "name": name, "data": {} }).to_string();
    let line = |name: &str| json!({ "headers": { "x-a": "b" }, "body": event(name) }).to_string();
    let lines = [line("user:created"), line("user:logged-in")];
    site.write("captured.jsonl", lines.join("\n"))?;

    let options = [
        "--provider",
        "topper",
        "--tunnel-from",
        "captured.jsonl",
        "--keep",
        "kept",
    ];
    let mut dev = Dev::start(&site, &options).await?;
    dev.line(&["✓ user:created  captured.jsonl:1  done"])
        .await?;
    dev.line(&["✓ user:logged-in  captured.jsonl:2  done"])
        .await?;
    assert_eq!(dev.stop().await?, Some(0));
    assert!(site.path("kept/hookyard.db").is_file());

    let mut untyped = Dev::start(&site, &[]).await?;
    assert_eq!(
        untyped.child.wait().await?.code(),
        Some(2),
        "no provider is named"
    );
    Ok(())
}
