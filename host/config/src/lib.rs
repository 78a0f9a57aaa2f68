//! `hookyard.toml`: from what was typed to values that are ready for use.
//!
//! The typed text is walked once (`document`), every fault is collected, and either everything is ready or nothing is:
//! a `Settings` is never half a configuration. Secrets and keys are read here and nowhere else.
//!
//! A reload reads everything anew; what it found and what it read are returned together, so that the same files can be
//! watched whether or not they were good.

pub mod document;
pub mod files;
pub mod provider;
pub mod plugin_file;
pub mod granting;
pub mod plugin_summary;
pub mod settings;
pub mod references;
mod host;
pub mod backlog;
pub mod grants;
pub mod limits;
mod retry;
mod quarantine;
mod release;
pub mod rehearsal;
mod retention;
mod tenant;
mod source;
mod scheme;
mod destination;
mod signing;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hookyard_model::RetryPolicy;
pub use settings::{Settings, Source};

use crate::document::{Fault, Faults, Section, Sink};
use references::Surroundings;

/// The reference: every key with its default and what it is for.
pub const DEFAULT: &str = include_str!("default.toml");

/// The same for machines, without what it is for.
pub fn default_as_json() -> serde_json::Value {
    toml::from_str(DEFAULT).expect("the reference is TOML")
}

/// What came of reading a configuration.
pub struct Reading {
    /// Ready values, or all that is wrong.
    pub result: Result<Settings, Faults>,
    /// Everything odd that stops nothing, such as a key of a set that cannot be used.
    pub notes: Vec<Fault>,
    /// Every file that was read or sought, the configuration itself among them.
    pub files: BTreeSet<PathBuf>,
}

/// Reads the configuration at `path`, and the files that it names, with the process's environment.
pub fn read(path: &Path) -> Reading {
    read_with(path, &references::variable)
}

fn read_with(path: &Path, variable: &dyn Fn(&str) -> Option<Vec<u8>>) -> Reading {
    let around = Surroundings::new(path, variable);
    let sink = Sink::default();
    let settings = match around.text(path) {
        Ok(text) => document::read(&path.display().to_string(), &text, &sink, |root| {
            settings(root, &around, &sink)
        }),
        Err(why) => {
            let way_out = "name another by --config, or start from the reference: `hookyard config > hookyard.toml`";
            sink.push_file(
                path.display(),
                format_args!("can't be read: {why}; {way_out}"),
            );
            None
        }
    };
    let notes = sink.take_notes();
    Reading {
        result: sink.into_result(settings),
        notes,
        files: around.into_files(),
    }
}

fn settings(root: &Section<'_>, around: &Surroundings<'_>, sink: &Sink) -> Option<Settings> {
    let shutdown_timeout = root
        .get("shutdown_timeout")
        .unwrap_or(Duration::from_secs(10));
    let ingress = root.table("ingress", |section| {
        host::ingress(section, shutdown_timeout)
    });
    let admin = root.table("admin", |section| host::admin(section, around));
    let store = root.table("store", |section| host::store(section, around));
    let mut plugins = root.table("plugins", |section| host::plugins(section, around));
    let dispatch = root.table("dispatch", host::dispatch);
    let delivery = root.table("delivery", host::dispatch);
    let egress = root.table("egress", |section| host::egress(section, around));
    let retry = root.table("retry", |section| {
        retry::read(section, &RetryPolicy::default())
    });
    let quarantine = root.table("quarantine", quarantine::read);
    let release = root.table("release", release::read);
    let rehearsal = root.table("rehearsal", |section| {
        rehearsal::read(section, &settings::Rehearsal::default())
    });
    let folder = root
        .table("providers", |section| section.get::<PathBuf>("folder"))
        .map(|folder| around.resolve(&folder));
    let providers = provider::all(folder.as_deref(), around, sink);
    let (keep, every) = root.table("retention", retention::read);
    let defaults = tenant::Defaults {
        body_max: ingress.body_max,
        retry: retry.clone(),
        dedupe_window: store.dedupe_window,
        keep,
    };
    let tenant::Tenants {
        sources,
        destinations,
        keeps,
        ceilings,
        grants,
    } = root.table("tenants", |section| {
        tenant::all(section, &providers, &defaults, around)
    });
    plugins.ceilings = ceilings;
    plugins.grants.to_tenants = grants;
    let limits = hookyard_store::Retention {
        fallback: keep,
        by_tenant: keeps,
    };
    let retention = settings::Retention { limits, every };
    Some(Settings {
        shutdown_timeout,
        ingress,
        admin,
        store,
        plugins,
        dispatch,
        delivery,
        egress,
        retry,
        retention,
        quarantine,
        release,
        rehearsal,
        providers,
        sources,
        destinations,
    })
}
