//! Reloads the configuration when one of its files changes, or when SIGHUP asks for it.
//!
//! A valid configuration replaces the running one as a whole. An invalid one is logged, fault by
//! fault, and the running configuration stays in force. Changes that need a restart are logged,
//! too.

mod seen;
mod settling;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookyard_model::SourceRef;
use tokio::sync::Notify;
use tokio::task::JoinError;

use super::{
    ConfigurationSource, administration, announce, overload, responders, retention, unserved,
    wiring,
};
use crate::verifiers;
use hookyard_config::files::PathChecks;
use hookyard_config::settings::Traces;
use hookyard_config::{self as config, Reading, Settings};
use hookyard_plugin::Engine;
use hookyard_release::Desired;
use hookyard_release::watch::Watch;
use seen::{FileSeen, FilesSeen, Stamps};
use settling::Settling;

/// How long to wait after a notification from the file system, because more usually follow.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// The parts of the host that take a new configuration.
pub(super) struct Handles {
    pub(super) administration: administration::Handle,
    pub(super) ingress: hookyard_ingress::Handle,
    pub(super) dispatch: hookyard_dispatch::Handle,
    pub(super) delivery: hookyard_delivery::Handle,
    pub(super) releases: hookyard_release::Handle,
    pub(super) retention: retention::Handle,
    pub(super) unserved: unserved::Handle,
    pub(super) overload: overload::Handle,
    pub(super) responders: responders::Handle,
}

/// Watches the configuration and reloads it.
pub(super) struct Reload {
    path: PathBuf,
    /// The settings at the start. The keys that need a restart still have these values.
    started: Settings,
    /// The last valid settings.
    running: Settings,
    /// The files that the configuration depends on.
    files: BTreeSet<PathBuf>,
    handles: Handles,
    /// Loads the verifiers of the sources.
    engine: Arc<Engine>,
    settling: Settling<Stamps>,
    looks: Arc<Mutex<PathChecks<FileSeen>>>,
    watch: Watch,
    /// A request to reload even if no file has changed.
    request: Arc<Notify>,
    is_requested: bool,
}

impl Reload {
    /// Starts with the settings `running`, which were read from `source`. Blocks while it looks at
    /// the files.
    pub(super) fn new(
        source: ConfigurationSource,
        running: Settings,
        handles: Handles,
        engine: Arc<Engine>,
    ) -> Self {
        let ConfigurationSource {
            path,
            files,
            request,
        } = source;
        let mut looks = PathChecks::default();
        let stamps = FilesSeen::of(&files, &mut looks).stamps(&Stamps::new());

        Self {
            path,
            started: running.clone(),
            running,
            files,
            handles,
            engine,
            settling: Settling::new(stamps, Instant::now()),
            looks: Arc::new(Mutex::new(looks)),
            watch: Watch::new(),
            request,
            is_requested: false,
        }
    }

    /// Reloads on every change until `shutdown` completes.
    ///
    /// Other threads wait for the files, so a file that gives no answer delays only the reload.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            let next_look = tokio::select! {
                () = &mut shutdown => return,
                next_look = self.look() => next_look,
            };

            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep_until(next_look.into()) => {}
                () = self.watch.changed() => tokio::time::sleep(DEBOUNCE).await,
                () = self.request.notified() => self.is_requested = true,
            }
        }
    }

    /// Returns how long the files must stay unchanged before a reload. The time is longer if a file
    /// is missing, because something may be about to replace it.
    fn window(&self) -> Duration {
        let windows = self.running.plugins.windows;
        let is_any_missing = self.settling.seen().values().any(Option::is_none);

        if is_any_missing {
            windows.removal
        } else {
            windows.settle
        }
    }

    /// Looks at all files, reloads if it is time to, and returns when to look again.
    async fn look(&mut self) -> Instant {
        if let Some(seen) = self.seen(self.files.clone()).await {
            let now = Instant::now();
            self.watch.listen(&seen.folders);
            self.settling.see(seen.stamps(self.settling.seen()), now);

            let is_requested = std::mem::take(&mut self.is_requested);
            let window = if is_requested {
                Duration::ZERO
            } else {
                self.window()
            };
            // A request reloads even if nothing has changed. `take` comes first: it also notes that
            // the files as seen now need no further reload.
            if self.settling.take(window, now) || is_requested {
                self.reload().await;
            }
        }

        let rescan = Instant::now() + self.running.plugins.rescan;
        self.settling
            .due(self.window())
            .map_or(rescan, |due| due.min(rescan))
    }

    /// Looks at files on another thread. Returns `None` if that thread panicked.
    async fn seen(&self, files: BTreeSet<PathBuf>) -> Option<FilesSeen> {
        let looks = Arc::clone(&self.looks);
        let look = tokio::task::spawn_blocking(move || {
            let mut looks = looks.lock().unwrap_or_else(PoisonError::into_inner);
            FilesSeen::of(&files, &mut looks)
        });
        logged(look.await)
    }

    /// Reads the configuration and hands it to the parts of the host if it is valid.
    async fn reload(&mut self) {
        let (path, engine) = (self.path.clone(), Arc::clone(&self.engine));
        let read = tokio::task::spawn_blocking(move || read_with_verifiers(&path, &engine));
        let Some(reading) = logged(read.await) else {
            return;
        };
        let Reading {
            result,
            notes,
            advice: _,
            files,
        } = reading;

        if files != self.files
            && let Some(seen) = self.seen(files.clone()).await
        {
            // A file that the configuration names for the first time was read just now, so its
            // present state needs no further reload. Other files keep the state that was acted on.
            let known = self.settling.seen();
            let mut stamps = seen.stamps(known);
            for (file, stamp) in &mut stamps {
                if let Some(known) = known.get(file) {
                    *stamp = *known;
                }
            }
            self.settling = Settling::new(stamps, Instant::now());
            self.files = files;
        }

        match result {
            Ok(settings) => {
                announce::notes(&notes);
                self.swap(settings);
            }
            Err(faults) => {
                for fault in faults.0 {
                    tracing::error!(target: "hookyard::config", "{fault}");
                }
                tracing::warn!(
                    target: "hookyard::config",
                    "configuration refused; the previous one stays in force"
                );
            }
        }
    }

    /// Hands new settings to the parts of the host, and logs what changed.
    fn swap(&mut self, settings: Settings) {
        self.handles.ingress.replace(wiring::sources(&settings));
        self.handles
            .dispatch
            .replace_retry_policies(wiring::retry_policies(&settings));
        self.handles
            .dispatch
            .replace_quarantine_policy(settings.quarantine.policy());
        self.handles
            .delivery
            .replace_destinations(wiring::destinations(&settings));
        self.handles.releases.replace(Desired::from(&settings));
        self.handles
            .retention
            .replace(retention::Limits::from(&settings));
        self.handles
            .unserved
            .replace(settings.sources.keys().cloned().collect());
        self.handles
            .overload
            .replace(settings.ingress.overload.clone());

        self.handles.responders.replace(&settings);
        self.handles.administration.replace(&settings);
        hookyard_trace::sample_by(settings.traces.rules());

        self.log_changes(&settings);
        self.running = settings;
    }

    fn log_changes(&self, settings: &Settings) {
        let added = added_sources(&self.running, settings);
        let removed = added_sources(settings, &self.running);
        tracing::info!(
            target: "hookyard::config", sources = settings.sources.len(), added, removed,
            "configuration reloaded"
        );

        for (name, source) in &settings.sources {
            let before = self.running.sources.get(name);
            if !before.is_some_and(|before| before.verifier.is_unverified()) {
                announce::warn_if_unverified(name, source);
            }
        }
        for key in needs_restart(&self.started, &self.running, settings) {
            tracing::warn!(
                target: "hookyard::config", key,
                "the change of this key takes effect only after a restart"
            );
        }
    }
}

/// Reads the configuration and loads the verifiers of its sources.
fn read_with_verifiers(path: &Path, engine: &Arc<Engine>) -> Reading {
    let reading = config::read(path);
    Reading {
        result: reading.result.and_then(|settings| {
            verifiers::load(&settings, engine)?;
            Ok(settings)
        }),
        ..reading
    }
}

/// Returns the names of the sources that are in `new` and not in `old`, for a log line.
fn added_sources(old: &Settings, new: &Settings) -> String {
    let names: Vec<_> = new
        .sources
        .keys()
        .filter(|name| !old.sources.contains_key(name))
        .map(SourceRef::to_string)
        .collect();
    names.join(", ")
}

/// Returns the keys that changed with this reload and need a restart to take effect.
///
/// A key that changed back to its value at the start needs no restart.
fn needs_restart(started: &Settings, before: &Settings, now: &Settings) -> Vec<&'static str> {
    let changed = start_only(before, now);

    start_only(started, now)
        .into_iter()
        .filter(|key| changed.contains(key))
        .collect()
}

/// Returns how traces are sent, without the rules.
fn sending(traces: &Traces) -> Traces {
    let default = Traces::default();
    Traces {
        sample: default.sample,
        rules: default.rules,
        ..traces.clone()
    }
}

/// Returns the keys that are read only at the start and that differ between the two.
fn start_only(old: &Settings, new: &Settings) -> Vec<&'static str> {
    // These keys have entries of their own below.
    let rest = hookyard_ingress::Config {
        listen: new.ingress.server.listen,
        shutdown_timeout: new.shutdown_timeout,
        ..old.ingress.server.clone()
    };

    let differs = [
        (
            "shutdown_timeout",
            old.shutdown_timeout != new.shutdown_timeout,
        ),
        (
            "ingress.listen",
            old.ingress.server.listen != new.ingress.server.listen,
        ),
        ("ingress", rest != new.ingress.server),
        ("admin", old.admin != new.admin),
        ("store.url", old.store.url != new.store.url),
        ("plugins.cache", old.plugins.cache != new.plugins.cache),
        (
            "plugins.revisions",
            old.plugins.revisions != new.plugins.revisions,
        ),
        ("dispatch", old.dispatch != new.dispatch),
        ("delivery", old.delivery != new.delivery),
        ("egress", old.egress != new.egress),
        ("traces", sending(&old.traces) != sending(&new.traces)),
    ];
    differs
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(key, _)| key)
        .collect()
}

/// Returns the result of another thread, or logs that it panicked.
fn logged<T>(result: Result<T, JoinError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::error!(
                target: "hookyard::config", %error,
                "the host failed while it read its configuration"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_start_keys_need_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = |text: &str| {
            let path = folder.path().join("hookyard.toml");
            std::fs::write(&path, text).expect("written");
            config::read(&path)
                .result
                .unwrap_or_else(|faults| panic!("{faults}"))
        };
        let started = read("[ingress]\nstreams_max = 8");
        let check = |before: &str, now: &str, expected: &[&str]| {
            assert_eq!(
                needs_restart(&started, &read(before), &read(now)),
                expected,
                "from {before:?} to {now:?}"
            );
        };
        let (same, other) = ("[ingress]\nstreams_max = 8", "[ingress]\nstreams_max = 9");
        check(same, other, &["ingress"]);
        check(other, same, &[]);
        check(other, other, &[]);
        check(other, "[ingress]\nstreams_max = 10", &["ingress"]);
        check(
            other,
            "[ingress]\nstreams_max = 9\n[dispatch]\nlease = \"61s\"",
            &["dispatch"],
        );
        check(same, "[ingress]\nstreams_max = 8\nbody_max = \"2MiB\"", &[]);
        check(
            same,
            "[plugins]\nrescan = \"9s\"\n[ingress]\nstreams_max = 8\nlisten = \"127.0.0.1:1\"",
            &["ingress.listen"],
        );
    }
}
