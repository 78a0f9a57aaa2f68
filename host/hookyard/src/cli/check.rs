//! `hookyard check`: reports everything that can be known to be wrong before the host serves.

mod report;
mod waiting;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use hookyard_config::{self as config, Reading, Settings};
use hookyard_model::{Clock, DestinationRef, Timestamp};
use hookyard_plugin::Engine;
use hookyard_release::{Desired, Finding, survey};
use hookyard_schemes::KeyCount;

use crate::cli::Failure;
use crate::clock::SystemClock;
use crate::{engine, verifiers};
use report::Report;

/// The arguments of `hookyard check`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON object per line instead of text
    #[arg(long)]
    json: bool,
}

/// Checks the configuration at `path`, its providers and its plugins.
pub(crate) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let Reading {
        result,
        notes,
        advice,
        ..
    } = config::read(path);
    let settings = result?;
    let mut report = Report::new(arguments.json);
    for note in notes.into_iter().chain(advice) {
        report.note(note)?;
    }

    report_sources(&settings, &report)?;
    let now = SystemClock.now();
    for (name, destination) in &settings.destinations {
        report_destination(name, destination, now, &report)?;
    }
    waiting::report(&settings.store.url, &report).await?;
    let engine = engine::command_engine(&settings).context("cannot check components")?;
    report_verifiers(&settings, &engine, &mut report)?;
    report_plugins(&settings, &engine, &mut report).await?;
    report.end()
}

fn report_sources(settings: &Settings, report: &Report) -> Result<(), Failure> {
    report.ok(providers(settings))?;

    for (name, source) in &settings.sources {
        let provider = &source.provider.name;
        if source.verifier.is_unverified() {
            report.note(format_args!(
                "source /{name}: {provider}, unverified: anybody who can reach it can send events \
                 to it"
            ))?;
        } else {
            report.ok(format_args!("source /{name}: {provider}"))?;
        }
    }

    if settings.sources.is_empty() {
        report.note("no source is configured: every request would be answered with 404")?;
    }
    Ok(())
}

/// Names the providers of the sources and destinations, and counts all.
fn providers(settings: &Settings) -> String {
    let sources = settings.sources.values();
    let destinations = settings.destinations.values();
    let used: BTreeSet<_> = sources
        .map(|source| source.provider.name.as_str())
        .chain(destinations.filter_map(|it| Some(it.provider.as_ref()?.name.as_str())))
        .collect();
    let used: Vec<_> = used.into_iter().collect();
    let used = if used.is_empty() {
        "none".to_owned()
    } else {
        used.join(", ")
    };
    let known = settings.providers.len();
    format!("providers {used}, of {known} that the host knows")
}

fn report_destination(
    name: &DestinationRef,
    destination: &config::settings::Destination,
    now: Timestamp,
    report: &Report,
) -> Result<(), Failure> {
    let delivery = &destination.delivery;
    let events = match &destination.provider {
        Some(provider) => format!("{}'s events", provider.name),
        None => "untyped".to_owned(),
    };
    let receiver = origin(&delivery.url);
    let kind = delivery.signer.kind();
    let keys = delivery.signer.keys_at(now);
    report.ok(format_args!(
        "destination {name}: {receiver}, {events}, {kind}, {}",
        keys_as_text(&keys)
    ))?;

    if keys.live == 0 {
        report.note(format_args!(
            "destination {name}: no key is valid now, so nothing would be delivered; add a secret \
             or a key"
        ))?;
    }
    if receiver.starts_with("http://") {
        report.note(format_args!(
            "destination {name}: messages are sent unencrypted; anybody on the way can read them"
        ))?;
    }
    let granted = &delivery.policy.addresses.granted;
    if !granted.is_empty() {
        let ranges: Vec<_> = granted.iter().map(ToString::to_string).collect();
        report.note(format_args!(
            "destination {name}: may resolve to private addresses, in {}",
            ranges.join(", ")
        ))?;
    }
    Ok(())
}

fn report_verifiers(
    settings: &Settings,
    engine: &Arc<Engine>,
    report: &mut Report,
) -> Result<(), Failure> {
    if let Err(faults) = verifiers::load(settings, engine) {
        for fault in faults.0 {
            report.bad(fault)?;
        }
    }
    Ok(())
}

async fn report_plugins(
    settings: &Settings,
    engine: &Arc<Engine>,
    report: &mut Report,
) -> Result<(), Failure> {
    let active = waiting::active_plugins(&settings.store.url).await;
    let findings = survey(&Desired::from(settings), engine, active);

    if findings.is_empty() {
        let folder = settings.plugins.folder.display();
        report.note(format_args!("{folder} contains no plugin yet"))?;
    }
    for finding in findings {
        match finding {
            Finding::Good(line) => report.ok(line)?,
            Finding::Odd(line) => report.note(line)?,
            Finding::Bad(line) => report.bad(line)?,
        }
    }
    Ok(())
}

/// Returns a URL without its path and query, which may contain a secret.
fn origin(url: &str) -> &str {
    let path = url.match_indices('/').nth(2).map(|(at, _)| at);
    match path.or_else(|| url.find('?')) {
        Some(end) => &url[..end],
        None => url,
    }
}

/// Returns the number of keys by their validity, such as `keys: 1 live, 2 retired`.
fn keys_as_text(keys: &KeyCount) -> String {
    let mut counts = vec![format!("{} live", keys.live)];
    if keys.waiting > 0 {
        counts.push(format!("{} to come", keys.waiting));
    }
    if keys.retired > 0 {
        counts.push(format!("{} retired", keys.retired));
    }
    format!("keys: {}", counts.join(", "))
}
