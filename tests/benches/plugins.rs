//! `cargo bench -p hookyard-tests --bench plugins` measures a host with a thousand plugins of fifty
//! tenants: how long it takes from its start until all of them are active, what it compiles, how
//! much memory each of them takes, and what a new revision costs the senders of events.
//!
//! `HOOKYARD_BIN` names the host; without it, the host is a debug build, whose figures say little.
//! `HOOKYARD_PLUGINS=200` and `HOOKYARD_TENANTS=10` set other numbers. Each plugin is the reference
//! plugin for topi with another custom section, so each has a revision and compiled code of its own.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hookyard_testkit::events::is_any_activation;
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::host::{self, Finished, Host};
use hookyard_testkit::http::Client;
use hookyard_testkit::log::Line;
use hookyard_testkit::samples;
use hookyard_testkit::sign::{Family, StandardWebhooks};
use hookyard_testkit::site::{Config, Site};
use tokio::task::JoinSet;
use uuid::Uuid;

const PLUGINS: usize = 1000;
const TENANTS: usize = 50;
/// How long a host may take to become ready.
const PATIENCE: Duration = Duration::from_secs(900);
/// The number of starts with a filled cache.
const WARM_STARTS: usize = 3;
/// The number of new revisions that are dropped under load.
const SWAPS: usize = 20;
/// The time between two new revisions.
const SWAP_PACE: Duration = Duration::from_millis(500);
/// The number of clients that send at the same time, and how long each waits after an answer.
const CLIENTS: usize = 4;
const CLIENT_PACE: Duration = Duration::from_millis(2);
/// The plugin whose events are sent. No other plugin of its tenant exists.
const MEASURED: &str = "measured/orders";

type Sender = Arc<StandardWebhooks>;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let plugins = number("HOOKYARD_PLUGINS", PLUGINS)?;
        let tenants = number("HOOKYARD_TENANTS", TENANTS)?.max(2);
        let sender = Arc::new(StandardWebhooks::new(Family::Svix));
        let guest = guests::reference("topi")?;

        let few = site(&guest, &sender, 1, tenants)?;
        let many = site(&guest, &sender, plugins, tenants)?;
        let base = starts(&few, 1, 1).await?;
        let memory = starts(&many, plugins, WARM_STARTS).await?;
        report_check(&many).await?;
        let others = (plugins - 1).max(1) as u64;
        println!(
            "each of {others} more plugins: {} KiB private, {} KiB of mapped code resident",
            memory.private.saturating_sub(base.private) / others,
            memory.mapped.saturating_sub(base.mapped) / others
        );

        for (name, site) in [("1 plugin", &few), ("all plugins", &many)] {
            swaps(name, site, &guest, &sender).await?;
        }
        Ok(())
    })
}

fn number(variable: &str, default: usize) -> Result<usize> {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{variable} is not a number")),
        Err(_) => Ok(default),
    }
}

/// Returns a site with the measured plugin and `plugins - 1` others, which the other tenants share.
fn site(guest: &Guest, sender: &Sender, plugins: usize, tenants: usize) -> Result<Site> {
    let site = Site::temporary()?;
    site.write("secret", sender.secret())?;
    let source = "provider = \"topi\"\nsecrets = [{ file = \"secret\" }]";
    let mut config = Config::new().source("measured/topi", source);
    for tenant in 1..tenants {
        config = config.source(&format!("t{tenant}/topi"), source);
    }
    site.configure(&config)?;

    site.install(MEASURED, guest)?;
    for plugin in 1..plugins {
        let tenant = 1 + plugin % (tenants - 1);
        let tagged = guest.tagged(&plugin.to_string());
        site.install(&format!("t{tenant}/p{plugin}"), &tagged)?;
    }
    Ok(site)
}

/// Starts a host without compiled code, and some with it. Returns the memory of the last one.
async fn starts(site: &Site, plugins: usize, warm: usize) -> Result<Memory> {
    println!(
        "{plugins:>5} plugins     {:>9} {:>15} {:>9}",
        "ready", "processor time", "compiled"
    );
    let mut memory = start(site, plugins, "cold").await?;
    for _ in 0..warm {
        memory = start(site, plugins, "warm").await?;
    }
    Ok(memory)
}

async fn start(site: &Site, plugins: usize, name: &str) -> Result<Memory> {
    let began = Instant::now();
    let host = started(site).await?;
    let ready = began.elapsed();
    let lines = host.lines().await?;
    let count = |wanted: fn(&Line) -> bool| lines.iter().filter(|line| wanted(line)).count();
    ensure!(
        count(is_any_activation) == plugins,
        "not all plugins are active"
    );
    let compiled = count(|line| line.message().starts_with("compiling"));

    let processor = processor_time(host.pid())?;
    println!(
        "  {name:<15} {:>7.2} s {:>13.2} s {compiled:>9}",
        ready.as_secs_f64(),
        processor.as_secs_f64()
    );
    let memory = Memory::of(host.pid())?;
    host.terminate().await?;
    Ok(memory)
}

/// Starts a host and waits until its plugins are ready.
async fn started(site: &Site) -> Result<Host> {
    let host = Host::start(site).await?;
    let is_ready = |line: &Line| line.message() == "plugins ready";
    host.log()
        .wait_for(0, "the plugins to be ready", PATIENCE, is_ready)
        .await?;
    Ok(host)
}

async fn report_check(site: &Site) -> Result<()> {
    let config = site.config();
    let began = Instant::now();
    let Finished { code, stdout, .. } =
        host::run(&["check", "--config", &config.to_string_lossy()]).await?;
    ensure!(code == Some(0), "the check failed: {stdout}");
    println!("  hookyard check  {:>7.2} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// Drops new revisions of the measured plugin while clients send, and compares the time of the
/// answers with that of the same load before.
async fn swaps(name: &str, site: &Site, guest: &Guest, sender: &Sender) -> Result<()> {
    let host = started(site).await?;
    let time = SWAP_PACE * u32::try_from(SWAPS)?;
    let before = processor_time(host.pid())?;
    let mut quiet = send(&host, sender, time).await?;
    let used = processor_time(host.pid())? - before;
    let each = used.as_secs_f64() * 1e6 / quiet.len() as f64;

    let mark = host.log().mark();
    let drops = async {
        for swap in 0..SWAPS {
            site.install(MEASURED, &guest.tagged(&format!("{name} {swap}")))?;
            tokio::time::sleep(SWAP_PACE).await;
        }
        anyhow::Ok(())
    };
    let (dropped, swapped) = tokio::join!(drops, send(&host, sender, time));
    dropped?;
    let mut swapped = swapped?;
    let lines = host.log().since(mark);
    let swaps = lines.iter().filter(|line| is_any_activation(line)).count();

    println!(
        "{name}: {each:.0} us of processor time for each event; {swaps} new revisions in {} s; \
         answers in ms:",
        time.as_secs()
    );
    tell("without", &mut quiet);
    tell("with", &mut swapped);
    host.terminate().await.map(drop)
}

/// Sends events for a time. Returns how long each answer took.
async fn send(host: &Host, sender: &Sender, time: Duration) -> Result<Vec<Duration>> {
    let sample = samples::one("topi", "order-created")?;
    let (until, client) = (Instant::now() + time, Client::http1());
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, sender, body) = (client.clone(), Arc::clone(sender), sample.body.clone());
        let (to, mut times) = (host.address(), Vec::new());
        clients.spawn(async move {
            while Instant::now() < until {
                let id = format!("msg_{}", Uuid::new_v4().simple());
                let webhook = sender.sign(&id, body.clone());
                let began = Instant::now();
                let answer = client.post(to, "/measured/topi", &webhook).await?;
                times.push(began.elapsed());
                ensure!(answer.is_accepted(), "refused: {}", answer.text());
                tokio::time::sleep(CLIENT_PACE).await;
            }
            Ok(times)
        });
    }

    let mut all = Vec::new();
    while let Some(times) = clients.join_next().await {
        all.extend(times??);
    }
    Ok(all)
}

fn tell(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "  {name:<10} p50 {:>6.2}  p99 {:>6.2}  p99.9 {:>6.2}  of {}",
        at(0.5),
        at(0.99),
        at(0.999),
        times.len()
    );
}

/// The resident memory of a process, in KiB.
struct Memory {
    /// What no other process shares, and what the system cannot read again from a file.
    private: u64,
    /// Pages of files, such as compiled code. The system can drop them.
    mapped: u64,
}

impl Memory {
    fn of(pid: u32) -> Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let field = |name: &str| -> Result<u64> {
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_whitespace().nth(1));
            Ok(value.context("the system reports no memory")?.parse()?)
        };
        let (resident, private) = (field("Rss:")?, field("Anonymous:")?);
        Ok(Self {
            private,
            mapped: resident - private,
        })
    }
}

/// Returns the processor time of a process and of its children that have ended.
fn processor_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("an unknown format")?;
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .map(|field| field.parse::<u64>().unwrap_or(0))
        .sum();
    Ok(Duration::from_secs_f64(
        ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
    ))
}
