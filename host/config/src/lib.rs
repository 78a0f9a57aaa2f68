//! The configuration of the host: `hookyard.toml`, provider files and plugin settings files.
//!
//! [`read`] turns the text of `hookyard.toml` into [`Settings`], which are ready for use. The text
//! is walked once by [`document`], and all faults are collected. The result is either complete
//! settings or all faults; partial settings do not exist. Secrets and keys are read here and
//! nowhere else.
//!
//! A reload reads everything again. [`Reading`] contains the files that were read, so that a reload
//! can watch the files whether or not they were valid.
//!
//! - [`settings`] has one struct for each table. [`tables`] and [`tenant`] have the readers.
//! - [`plugin_file`] reads `<plugin>.toml`; [`grants`] and [`limits`] are shared with it.
//! - [`providers`] reads provider files.
//! - [`files`] reads files that may never answer.

pub mod document;
pub mod files;
pub mod grant_line;
pub mod grants;
pub mod limits;
pub mod plugin_file;
pub mod plugin_summary;
pub mod providers;
pub mod references;
pub mod settings;
pub mod tables;
pub mod tenant;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hookyard_model::RetryPolicy;

pub use settings::{OverloadLimits, Settings, Source};

use crate::document::{Fault, Faults, Section, Sink};
use crate::references::Resolver;
use crate::settings::Rehearsal;
use crate::tenant::{Defaults, Tenants};

/// The reference configuration: every key with its default value and its documentation.
pub const DEFAULT: &str = include_str!("default.toml");

/// Returns the values of the reference configuration as JSON.
pub fn default_as_json() -> serde_json::Value {
    toml::from_str(DEFAULT).expect("the reference is TOML")
}

/// The result of reading a configuration.
pub struct Reading {
    /// The settings, or all faults.
    pub result: Result<Settings, Faults>,
    /// Notes about oddities that do not make the configuration invalid, such as an unusable key in
    /// a key set.
    pub notes: Vec<Fault>,
    /// Advice that `hookyard check` prints: what cannot be helped, and what may be intended.
    pub advice: Vec<Fault>,
    /// The configuration file and every file that it names, including missing ones.
    pub files: BTreeSet<PathBuf>,
}

/// Reads the configuration at `path` and the files that it names. References to environment
/// variables use the environment of this process.
pub fn read(path: &Path) -> Reading {
    read_with(path, &references::variable)
}

fn read_with(path: &Path, variable: &dyn Fn(&str) -> Option<Vec<u8>>) -> Reading {
    let resolver = Resolver::new(path, variable);
    let sink = Sink::default();

    let settings = match resolver.text(path) {
        Ok(text) => document::read(&path.display().to_string(), &text, &sink, |root| {
            Some(settings(root, &resolver, &sink))
        }),
        Err(error) => {
            let message = format_args!(
                "cannot be read: {error}; name another file with --config, or start from the \
                 reference: `hookyard config > hookyard.toml`"
            );
            sink.push_file(path.display(), message);
            None
        }
    };

    let notes = sink.take_notes();
    let advice = sink.take_advice();
    Reading {
        result: sink.into_result(settings),
        notes,
        advice,
        files: resolver.into_files(),
    }
}

/// Reads all tables. The settings of faulty keys are placeholders; the caller discards them.
fn settings(root: &Section<'_>, resolver: &Resolver<'_>, sink: &Sink) -> Settings {
    let shutdown_timeout = root.get_or("shutdown_timeout", settings::SHUTDOWN_TIMEOUT);
    let ingress = root.table("ingress", |section| {
        tables::ingress(section, shutdown_timeout)
    });
    let store = root.table("store", |section| tables::store(section, resolver));
    let mut plugins = root.table("plugins", |section| tables::plugins(section, resolver));
    let retry = root.table("retry", |section| {
        tables::retry(section, &RetryPolicy::default())
    });
    let mut retention = root.table("retention", tables::retention);

    let providers_folder = root.table("providers", |section| section.get::<PathBuf>("folder"));
    let providers_folder = providers_folder.map(|folder| resolver.resolve(&folder));
    let providers = providers::all(providers_folder.as_deref(), resolver, sink);

    let defaults = Defaults {
        body_max: ingress.body_max,
        refused: ingress.refused,
        retry: retry.clone(),
        dedupe_window: store.dedupe_window,
        retention: retention.limits.fallback,
    };
    let tenants: Tenants = root.table("tenants", |section| {
        tenant::all(section, &providers, &defaults, resolver)
    });
    plugins.tenant_limits = tenants.limits;
    plugins.grants.by_tenant = tenants.grants;
    retention.limits.by_tenant = tenants.retention;

    Settings {
        shutdown_timeout,
        ingress,
        admin: root.table("admin", |section| tables::admin(section, resolver)),
        store,
        traces: root.table("traces", |section| tables::traces(section, resolver)),
        plugins,
        dispatch: root.table("dispatch", tables::concurrency),
        delivery: root.table("delivery", tables::concurrency),
        egress: root.table("egress", |section| tables::egress(section, resolver)),
        retry,
        retention,
        quarantine: root.table("quarantine", tables::quarantine),
        release: root.table("release", tables::release),
        rehearsal: root.table("rehearsal", |section| {
            tables::rehearsal::read(section, &Rehearsal::default())
        }),
        providers,
        sources: tenants.sources,
        destinations: tenants.destinations,
    }
}
