//! `docs/monitoring.md` and the files next to it, compared with the metrics of a real host.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use hookyard_testkit::http::Webhook;
use hookyard_testkit::site::{Config, Site};
use hookyard_testkit::{eventually, guests, workspace};
use rustix::process::Resource;

use crate::host_memory::bound;
use crate::rig::{Rig, fresh_payment, quick};

/// What the page and the host must agree on, for each metric.
#[derive(Debug, PartialEq, Eq)]
struct Metric {
    kind: String,
    labels: BTreeSet<String>,
}

type Metrics = BTreeMap<String, Metric>;

/// Returns the metrics that the tables of the page describe.
fn described() -> Result<Metrics> {
    let page = std::fs::read_to_string(workspace::root().join("docs/monitoring.md"))?;
    let rows = page.lines().filter(|line| line.starts_with("| `hookyard_"));
    let metric = |row: &str| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let &[name, kind, unit, labels, meaning] = &cells[..] else {
            bail!("a row with another number of cells: {row}");
        };
        let name = name.trim_matches('`');
        ensure!(!meaning.is_empty(), "{name} has no meaning");
        for (suffix, expected) in [("_seconds", "seconds"), ("_bytes", "bytes")] {
            ensure!(
                !name.ends_with(suffix) || unit == expected,
                "{name} has the unit {unit}"
            );
        }
        let labels = labels.split(", ").map(|label| label.trim_matches('`'));
        let metric = Metric {
            kind: kind.to_owned(),
            labels: labels
                .filter(|label| !label.is_empty())
                .map(str::to_owned)
                .collect(),
        };
        Ok((name.to_owned(), metric))
    };
    rows.map(metric).collect()
}

/// Returns the metrics of a page in the format of Prometheus. All series of a metric must have the
/// same labels.
fn served(page: &str) -> Result<Metrics> {
    let mut metrics = Metrics::new();
    let (mut name, mut kind) = ("", "");
    for line in page.lines() {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            (name, kind) = typed.split_once(' ').context("a type")?;
        } else if line.starts_with(name) && !name.is_empty() {
            let labels = labels_of(line).filter(|label| *label != "le");
            let metric = Metric {
                kind: kind.to_owned(),
                labels: labels.map(str::to_owned).collect(),
            };
            let known = metrics.entry(name.to_owned()).or_insert_with(|| Metric {
                kind: metric.kind.clone(),
                labels: metric.labels.clone(),
            });
            ensure!(*known == metric, "{known:?} differs in {line}");
        }
    }
    Ok(metrics)
}

/// Returns the names of the labels of a series. No value in these tests has a comma or a brace.
fn labels_of(series: &str) -> impl Iterator<Item = &str> {
    let labels = series.split_once('{').map_or("", |(_, rest)| rest);
    let labels = labels.split_once('}').map_or("", |(labels, _)| labels);
    labels
        .split(',')
        .filter_map(|label| Some(label.split_once('=')?.0))
}

/// A source whose requests wait for a response, quarantine after three events, and a breaker that
/// opens at the first failed delivery.
fn config() -> Config {
    let waiting = "provider = \"topper\"\nscheme = \"unverified\"\nack = \"responder\"\nack_timeout = \"20s\"";
    let audit = "url = \"https://127.0.0.1:9/\"\naddresses = [\"127.0.0.1\"]\nsecrets = [{ file = \"partner.secret\" }]\n\
                 breaker = { failures = 1, pause = \"30s\", pause_max = \"5m\" }";
    quick()
        .source("acme/asked", waiting)
        .section("tenants.acme.destinations.audit", audit)
        .section("tenants.acme.grants", "destinations = [\"audit\"]")
        .section("quarantine", "events_min = 3\nwindow = \"1h\"")
}

/// Starts a host with a plugin that responds, one that sends messages, one that fails, and one that
/// needs new address space for each attempt.
async fn start() -> Result<Rig> {
    let plugins = [
        ("acme/bot", &guests::test("responder")?),
        ("acme/ledger", &guests::test("ledger")?),
        ("acme/bad", &guests::test("trap")?),
        ("acme/large", &guests::test("untyped-echo")?),
    ];
    let prepare = |site: &mut Site| {
        let limits = "limits = { table_elements_max = 200_000 }";
        site.write("plugins/acme/large.toml", limits).map(drop)
    };
    Rig::prepared(config(), &plugins, prepare).await
}

/// Waits until the host serves this metric.
async fn served_by(rig: &Rig, name: &str) -> Result<()> {
    let is_served = || async {
        let page = rig.metrics().await?;
        Ok(page.contains(&format!("\n# TYPE {name} ")).then_some(()))
    };
    eventually(name, is_served).await
}

/// Causes everything that has a metric, and returns the page of metrics.
async fn page_of_busy_host() -> Result<String> {
    let rig = start().await?;
    let asked = Webhook::json(fresh_payment().1);
    let answer = rig.client.post(rig.host.address(), "/acme/asked", &asked);
    assert_eq!(answer.await?.status, 201);
    for _ in 0..6 {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    rig.post("topper", &Webhook::json("")).await?;
    for name in [
        "hookyard_jobs_held",
        "hookyard_destination_paused",
        "hookyard_outbox_waiting_bytes",
    ] {
        served_by(&rig, name).await?;
    }

    let room = rig.used("VmSize")? + (1 << 30);
    bound(&rig, Resource::As, Some(room))?;
    for _ in 0..8 {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    served_by(&rig, "hookyard_host_faults_total").await?;
    bound(&rig, Resource::As, None)?;
    rig.metrics().await
}

#[tokio::test(flavor = "multi_thread")]
async fn page_describes_exactly_the_served_metrics() -> Result<()> {
    let page = page_of_busy_host().await?;
    let (described, served) = (described()?, served(&page)?);
    let names = |metrics: &Metrics| metrics.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&described), names(&served), "{page}");
    assert_eq!(described, served);
    check_by_promtool(&page)
}

/// Checks the page and the files next to `docs/monitoring.md`, where promtool is installed.
/// `.ci/run` installs it.
fn check_by_promtool(page: &str) -> Result<()> {
    if Command::new("promtool").arg("--version").output().is_err() {
        eprintln!("promtool is not installed, so it did not check the metrics");
        return Ok(());
    }
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), page)?;
    let check = workspace::root().join("docs/monitoring/check");
    let checked = Command::new("bash").arg(check).arg(file.path()).output()?;
    ensure!(
        checked.status.success(),
        "{}{}",
        String::from_utf8_lossy(&checked.stdout),
        String::from_utf8_lossy(&checked.stderr)
    );
    Ok(())
}
