//! `hookyard check`: everything that can be known to be wrong before anything is served.

mod report;
mod waiting;

use std::path::Path;

use anyhow::Context;
use clap::Args;
use hookyard_model::{Clock, Timestamp};
use hookyard_schemes::KeyCount;

use crate::cli::Failure;
use crate::clock::SystemClock;
use crate::engine;
use hookyard_config::{self as config, Reading, Settings};
use hookyard_release::{Desired, Finding, survey};
use report::Report;

/// The arguments of `hookyard check`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON object per line instead of text
    #[arg(long)]
    json: bool,
}

/// Checks the configuration at `path`, its providers and its plugins; one line for each to standard output.
pub(crate) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let Reading { result, notes, .. } = config::read(path);
    let settings = result?;
    let mut report = Report::new(arguments.json);
    for note in notes {
        report.note(note)?;
    }

    tell_sources(&settings, &report)?;
    tell_destinations(&settings, SystemClock.now(), &report)?;
    waiting::tell(&settings.store.url, &report).await?;
    let serving = waiting::serving(&settings.store.url).await;
    let engine = engine::command_engine(&settings).context("plugins can't be checked")?;
    let findings = survey(&Desired::from(&settings), &engine, serving);
    if findings.is_empty() {
        report.note(format_args!(
            "{} holds no plugin yet",
            settings.plugins.folder.display()
        ))?;
    }
    for finding in findings {
        match finding {
            Finding::Good(line) => report.ok(line)?,
            Finding::Odd(line) => report.note(line)?,
            Finding::Bad(line) => report.bad(line)?,
        }
    }
    report.end()
}

fn tell_sources(settings: &Settings, report: &Report) -> Result<(), Failure> {
    let names: Vec<_> = settings.providers.keys().map(String::as_str).collect();
    report.ok(format_args!("providers {}", names.join(", ")))?;
    for (name, source) in &settings.sources {
        let provider = &source.provider.name;
        match source.verifier.is_unverified() {
            true => {
                report.note(format_args!(
                    "source /{name}: {provider}, unverified: anybody who can reach it can send events to it"
                ))?;
            }
            false => report.ok(format_args!("source /{name}: {provider}"))?,
        }
    }
    if settings.sources.is_empty() {
        report.note(format_args!(
            "no source is configured: every request would be answered with 404"
        ))?;
    }
    Ok(())
}

fn tell_destinations(settings: &Settings, now: Timestamp, report: &Report) -> Result<(), Failure> {
    for (name, destination) in &settings.destinations {
        let delivery = &destination.delivery;
        let provider = destination
            .provider
            .as_ref()
            .map_or("", |provider| &provider.name);
        let typed = if provider.is_empty() {
            "untyped".to_owned()
        } else {
            format!("{provider}'s events")
        };
        let keys = delivery.signer.keys_at(now);
        let (kind, to, count) = (delivery.signer.kind(), origin(&delivery.url), count(keys));
        report.ok(format_args!(
            "destination {name}: {to}, {typed}, {kind}, {count}"
        ))?;
        if keys.live == 0 {
            report.note(format_args!(
                "destination {name}: nothing signs now, so nothing would be sent; add a secret or a key"
            ))?;
        }
        if to.starts_with("http://") {
            report.note(format_args!(
                "destination {name}: sent in the clear, for anybody on the way to read"
            ))?;
        }
        if !delivery.policy.addresses.granted.is_empty() {
            let ranges: Vec<_> = delivery
                .policy
                .addresses
                .granted
                .iter()
                .map(ToString::to_string)
                .collect();
            report.note(format_args!(
                "destination {name}: may lead to private addresses, in {}",
                ranges.join(", ")
            ))?;
        }
    }
    Ok(())
}

/// A URL up to its host and port: what follows may be a secret.
fn origin(url: &str) -> &str {
    let ends = url.match_indices('/').nth(2).map(|(at, _)| at);
    ends.or_else(|| url.find('?'))
        .map_or(url, |end| &url[..end])
}

fn count(keys: KeyCount) -> String {
    let parts = [
        (keys.live, "live"),
        (keys.waiting, "to come"),
        (keys.retired, "retired"),
    ];
    let said = parts
        .iter()
        .filter(|(count, what)| *count > 0 || *what == "live");
    let said: Vec<_> = said
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    format!("keys: {}", said.join(", "))
}
