//! One round: a host, a load on one tenant's source, and the results.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use hookyard_testkit::events::is_attempt;
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::host::Host;
use hookyard_testkit::http::{Client, Webhook};
use hookyard_testkit::load::fresh_payment;
use hookyard_testkit::site::{Config, Site};
use tokio::task::JoinSet;

use crate::neighbours::{self, Neighbours};

/// The senders. Each sends its next event after the last one is answered, and not faster than the
/// rate of the load.
const CLIENTS: usize = 4;
/// Accepts all messages.
pub(crate) const UNVERIFIED: &str = "provider = \"topper\"\nscheme = \"unverified\"";

/// The results of the measured tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Events handled in a second, from the first request to the end of the last attempt.
    handled_per_second: f64,
    /// Milliseconds from a request to its answer, at the 50th and 99th percentile.
    answer: [f64; 2],
    /// Milliseconds from a request to the end of its attempt, at the 50th and 99th percentile.
    handled: [f64; 2],
}

impl Figures {
    pub(crate) const HEAD: &str = "handled/s   answer p50    p99   handled p50    p99 (ms)";

    /// Returns the median of each figure.
    pub(crate) fn median(all: &[Self]) -> Self {
        let median =
            |of: &dyn Fn(&Self) -> f64| quantile(&mut all.iter().map(of).collect::<Vec<_>>(), 0.5);
        Self {
            handled_per_second: median(&|it| it.handled_per_second),
            answer: [median(&|it| it.answer[0]), median(&|it| it.answer[1])],
            handled: [median(&|it| it.handled[0]), median(&|it| it.handled[1])],
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            handled_per_second,
            answer: [a50, a99],
            handled: [h50, h99],
        } = self;
        write!(
            f,
            "{handled_per_second:>9.0}   {a50:>10.1} {a99:>6.1}   {h50:>11.1} {h99:>6.1}"
        )
    }
}

/// The load of the measured tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) events: usize,
    /// The rate in events a second, or `None` for the highest possible rate.
    pub(crate) rate: Option<usize>,
}

/// Serves a load and measures it.
pub(crate) async fn run(neighbours: Neighbours, load: Load) -> Result<Figures> {
    let noisy = neighbours.plugins()?;
    let (host, site) = start(neighbours, &noisy).await?;
    let mut noise = JoinSet::new();
    neighbours.begin(&host, &site, &noisy, &mut noise).await?;
    let figures = measure(&host, load).await;
    noise.shutdown().await;
    host.kill().await?;
    figures
}

async fn start(neighbours: Neighbours, noisy: &[(String, Guest)]) -> Result<(Host, Site)> {
    let site = Site::temporary()?;
    site.write("shop.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
    let config = neighbours.configure(Config::new().source("acme/in", UNVERIFIED), noisy);
    // Quarantine would end the noise after ten events.
    site.configure(
        &config
            .section("quarantine", "enabled = false")
            .section("retry", "attempts_max = 1"),
    )?;
    let mut plugins = vec![("acme/books".to_owned(), guests::reference("topper")?)];
    plugins.extend_from_slice(noisy);
    for (plugin, guest) in &plugins {
        site.install(plugin, guest)?;
    }
    let host = Host::start(&site).await?;
    for (plugin, guest) in &plugins {
        host.wait_for_revision(plugin, &guest.revision()).await?;
    }
    Ok((host, site))
}

/// Measures the host's resident memory in KiB before the bombs are dropped, and after all have been
/// refused.
pub(crate) async fn memory_after_bombs() -> Result<[u64; 2]> {
    let (host, site) = start(Neighbours::Bombs, &[]).await?;
    measure(
        &host,
        Load {
            events: 100,
            rate: None,
        },
    )
    .await?;
    let before = resident(&host)?;
    neighbours::drop_bombs(&site)?;
    neighbours::all_refused(&host).await?;
    measure(
        &host,
        Load {
            events: 100,
            rate: None,
        },
    )
    .await?;
    let after = resident(&host)?;
    host.kill().await?;
    Ok([before, after])
}

fn resident(host: &Host) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid()))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("the system tells no VmRSS")?;
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .context("VmRSS is not a number")
}

/// A request: the time at which it was sent, and the duration until its answer.
struct Sent {
    event: String,
    at: Duration,
    answered_in: Duration,
}

async fn measure(host: &Host, Load { events, rate }: Load) -> Result<Figures> {
    let mark = host.log().mark();
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let count = events / CLIENTS + usize::from(number < events % CLIENTS);
        let pace = rate.map(|rate| Duration::from_secs_f64(CLIENTS as f64 / rate as f64));
        clients.spawn(client(host.address(), count, pace));
    }
    let mut sent = Vec::new();
    while let Some(part) = clients.join_next().await {
        sent.extend(part??);
    }
    let ends = ends(host, mark, events).await?;
    let of = |sent: &Sent| {
        ends.get(&sent.event)
            .copied()
            .context("an event without an attempt")
    };
    let mut handled = sent
        .iter()
        .map(|sent| Ok(of(sent)?.saturating_sub(sent.at)))
        .collect::<Result<Vec<_>>>()?;
    let mut answered: Vec<_> = sent.iter().map(|sent| sent.answered_in).collect();
    let began = sent
        .iter()
        .map(|sent| sent.at)
        .min()
        .context("nothing was sent")?;
    let ended = ends
        .values()
        .max()
        .copied()
        .context("nothing was handled")?;
    let quantiles = |times: &mut Vec<Duration>| {
        let mut millis: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        [0.5, 0.99].map(|share| quantile(&mut millis, share))
    };
    Ok(Figures {
        handled_per_second: events as f64 / (ended - began).as_secs_f64(),
        answer: quantiles(&mut answered),
        handled: quantiles(&mut handled),
    })
}

async fn client(to: SocketAddr, count: usize, pace: Option<Duration>) -> Result<Vec<Sent>> {
    let client = Client::http1();
    let mut all = Vec::with_capacity(count);
    let mut beat = pace.map(tokio::time::interval);
    for _ in 0..count {
        if let Some(beat) = &mut beat {
            beat.tick().await;
        }
        let webhook = Webhook::json(fresh_payment().1);
        let (at, began) = (now()?, std::time::Instant::now());
        let answer = client.post(to, "/acme/in", &webhook).await?;
        ensure!(
            answer.is_accepted(),
            "refused: {} {}",
            answer.status,
            answer.text()
        );
        all.push(Sent {
            event: answer.says("event"),
            at,
            answered_in: began.elapsed(),
        });
    }
    Ok(all)
}

/// Returns the end of each attempt of the measured tenant, after all have ended.
async fn ends(host: &Host, mark: usize, events: usize) -> Result<BTreeMap<String, Duration>> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
    loop {
        let seen = host.log().mark();
        let lines = host.log().since(mark);
        let of_acme = lines
            .iter()
            .filter(|line| is_attempt(line) && line.text_of("tenant") == "acme");
        let ends =
            of_acme.map(|line| Ok((line.text_of("event"), time(&line.text_of("timestamp"))?)));
        let ends: BTreeMap<String, Duration> = ends.collect::<Result<_>>()?;
        if ends.len() >= events {
            return Ok(ends);
        }
        let grown = tokio::time::timeout_at(deadline, host.log().grown_past(seen)).await;
        grown.with_context(|| format!("only {} of {events} events were handled", ends.len()))?;
    }
}

/// Returns the time of a line since 1970. A run lasts less than a day, so the current date decides
/// the day.
fn time(timestamp: &str) -> Result<Duration> {
    let (_, clock) = timestamp.split_once('T').context("no timestamp")?;
    let mut parts = clock
        .trim_end_matches('Z')
        .split(':')
        .map(str::parse::<f64>);
    let mut next = || {
        parts
            .next()
            .context("a short timestamp")?
            .context("a strange timestamp")
    };
    let of_day = Duration::from_secs_f64(next()? * 3600.0 + next()? * 60.0 + next()?);
    const DAY: u64 = 24 * 3600;
    let midnight = Duration::from_secs(now()?.as_secs() / DAY * DAY);
    let time = midnight + of_day;
    Ok(if time > now()? + Duration::from_secs(DAY / 2) {
        time - Duration::from_secs(DAY)
    } else {
        time
    })
}

fn now() -> Result<Duration> {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * share).ceil() as usize;
    values
        .get(place.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}
