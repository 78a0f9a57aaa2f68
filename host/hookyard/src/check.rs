//! `hookyard check`: everything that can be known to be wrong before anything is served.

use std::path::Path;

use anyhow::Context;
use hookyard_plugin::Engine;

use crate::cli::Failure;
use crate::config::{self, Settings};
use crate::release::{Desired, Finding, survey};
use crate::serve;

/// Checks the configuration at `path`, its providers and its plugins; one line for each to standard output.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    tell_sources(&settings);
    let engine = Engine::new(serve::engine_config(&settings)).context("plugins can't be checked")?;
    let findings = survey(&Desired::from(&settings), &engine);
    if findings.is_empty() {
        println!("note  {} holds no plugin yet", settings.plugins.folder.display());
    }
    let mut bad = 0;
    for finding in findings {
        match finding {
            Finding::Good(line) => println!("ok    {line}"),
            Finding::Odd(line) => println!("note  {line}"),
            Finding::Bad(line) => {
                bad += 1;
                println!("BAD   {line}");
            }
        }
    }
    if bad > 0 { Err(Failure::Told) } else { Ok(()) }
}

fn tell_sources(settings: &Settings) {
    let names: Vec<_> = settings.providers.keys().map(String::as_str).collect();
    println!("ok    providers {}", names.join(", "));
    for (name, source) in &settings.sources {
        let provider = &source.provider.name;
        match source.verifier.is_unverified() {
            true => {
                println!("note  source /{name}: {provider}, unverified: anybody who can reach it can send events to it")
            }
            false => println!("ok    source /{name}: {provider}"),
        }
    }
    if settings.sources.is_empty() {
        println!("note  no source is configured: every request would be answered with 404");
    }
}
