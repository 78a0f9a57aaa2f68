//! Rereads the configuration when it changes, or a file that it names does, or SIGHUP asks for it, and swaps it in whole.
//!
//! A bad one is told, fault by fault, and the running one stays. What can't change while the host runs is told too.

mod seen;
mod settling;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookyard_model::SourceRef;
use tokio::sync::Notify;
use tokio::task::JoinError;

use super::{announce, retention, unserved, wiring};
use hookyard_config::files::Looks;
use hookyard_config::{self as config, Reading, Settings};
use hookyard_release::Desired;
use hookyard_release::watch::Watch;
use seen::{Found, Seen, Stamps};
use settling::Settling;

const DEBOUNCE: Duration = Duration::from_millis(20);

/// What a new configuration is handed to.
pub(crate) struct Handles {
    pub(crate) ingress: hookyard_ingress::Handle,
    pub(crate) dispatch: hookyard_dispatch::Handle,
    pub(crate) delivery: hookyard_delivery::Handle,
    pub(crate) releases: hookyard_release::Handle,
    pub(crate) retention: retention::Handle,
    pub(crate) unserved: unserved::Handle,
}

/// The configuration's keeper.
pub(crate) struct Reload {
    path: PathBuf,
    /// What was in force at the start, and for some keys still is.
    started: Settings,
    running: Settings,
    files: BTreeSet<PathBuf>,
    handles: Handles,
    settling: Settling<Stamps>,
    looks: Arc<Mutex<Looks<Found>>>,
    watch: Watch,
    /// Asks for a reload whatever the files look like.
    asked: Arc<Notify>,
    is_asked: bool,
}

impl Reload {
    /// Keeps `running`, which was read from `path` and `files`. Blocks while it looks at these.
    pub(crate) fn new(
        path: PathBuf,
        running: Settings,
        files: BTreeSet<PathBuf>,
        handles: Handles,
        asked: Arc<Notify>,
    ) -> Self {
        let mut looks = Looks::default();
        let stamps = Seen::of(&files, &mut looks).stamps(&Stamps::new());
        let (settling, looks) = (
            Settling::new(stamps, Instant::now()),
            Arc::new(Mutex::new(looks)),
        );
        let (started, watch) = (running.clone(), Watch::new());
        Self {
            path,
            started,
            running,
            files,
            handles,
            settling,
            looks,
            watch,
            asked,
            is_asked: false,
        }
    }

    /// Reloads on every change until `shutdown` completes. It waits for files on other threads: a file that gives no
    /// answer holds up nothing but this.
    pub(crate) async fn run(mut self, shutdown: impl Future<Output = ()>) {
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
                () = self.asked.notified() => self.is_asked = true,
            }
        }
    }

    /// A missing file may be about to be replaced, and is given longer.
    fn window(&self) -> Duration {
        let windows = self.running.plugins.windows;
        let is_missing = |stamps: &Stamps| stamps.values().any(Option::is_none);
        if is_missing(self.settling.seen()) {
            windows.removal
        } else {
            windows.settle
        }
    }

    /// Looks at all files, reloads where it's time, and says when to look again.
    async fn look(&mut self) -> Instant {
        if let Some(seen) = self.seen(self.files.clone()).await {
            self.watch.listen(&seen.folders);
            let now = Instant::now();
            self.settling.see(seen.stamps(self.settling.seen()), now);
            let is_asked = std::mem::take(&mut self.is_asked);
            let window = if is_asked {
                Duration::ZERO
            } else {
                self.window()
            };
            if self.settling.take(window, now) || is_asked {
                self.reload().await;
            }
        }
        let rescan = Instant::now() + self.running.plugins.rescan;
        self.settling
            .due(self.window())
            .map_or(rescan, |due| due.min(rescan))
    }

    /// How files stand; none where the host failed to look.
    async fn seen(&self, files: BTreeSet<PathBuf>) -> Option<Seen> {
        let looks = Arc::clone(&self.looks);
        let looked = tokio::task::spawn_blocking(move || {
            Seen::of(
                &files,
                &mut looks.lock().unwrap_or_else(PoisonError::into_inner),
            )
        });
        failed(looked.await)
    }

    async fn reload(&mut self) {
        let path = self.path.clone();
        let Some(reading) = failed(tokio::task::spawn_blocking(move || config::read(&path)).await)
        else {
            return;
        };
        let Reading {
            result,
            notes,
            files,
        } = reading;
        if files != self.files
            && let Some(seen) = self.seen(files.clone()).await
        {
            // Files that are new to us are taken as they are: they were read just now.
            let stamps = seen.stamps(self.settling.seen());
            let known = self.settling.seen();
            let fresh = stamps.into_iter().map(|(file, stamp)| {
                let stamp = known.get(&file).copied().unwrap_or(stamp);
                (file, stamp)
            });
            self.settling = Settling::new(fresh.collect(), Instant::now());
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
                tracing::warn!(target: "hookyard::config", "configuration refused; the one before stays in force");
            }
        }
    }

    fn swap(&mut self, settings: Settings) {
        self.handles.ingress.replace(wiring::sources(&settings));
        self.handles
            .dispatch
            .replace(wiring::retry_policies(&settings));
        self.handles
            .dispatch
            .replace_quarantine(settings.quarantine);
        self.handles
            .delivery
            .replace(wiring::destinations(&settings));
        self.handles.releases.replace(Desired::from(&settings));
        self.handles.retention.replace(settings.retention.clone());
        self.handles
            .unserved
            .replace(settings.sources.keys().cloned().collect());
        let added = missing_from(&self.running, &settings);
        let removed = missing_from(&settings, &self.running);
        tracing::info!(target: "hookyard::config", sources = settings.sources.len(), added, removed, "configuration reloaded");
        let was_unverified = |name| {
            self.running
                .sources
                .get(name)
                .is_some_and(|source| source.verifier.is_unverified())
        };
        let news = settings
            .sources
            .iter()
            .filter(|(name, _)| !was_unverified(name));
        news.for_each(|(name, source)| announce::warn_if_unverified(name, source));
        for key in needs_restart(&self.started, &self.running, &settings) {
            tracing::warn!(target: "hookyard::config", key, "changed, which the running host can't follow: restart it");
        }
        self.running = settings;
    }
}

/// The sources of `there` that `here` hasn't got, for people.
fn missing_from(here: &Settings, there: &Settings) -> String {
    let names = there
        .sources
        .keys()
        .filter(|name| !here.sources.contains_key(name));
    names
        .map(SourceRef::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The keys that changed just now and that a running host can't follow: it goes on as it `started`.
fn needs_restart(started: &Settings, before: &Settings, now: &Settings) -> Vec<&'static str> {
    let changed = start_only(before, now);
    start_only(started, now)
        .into_iter()
        .filter(|key| changed.contains(key))
        .collect()
}

/// The keys that are read at start only and in which the two differ.
fn start_only(old: &Settings, new: &Settings) -> Vec<&'static str> {
    // These follow at once, or have a line of their own.
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
    ];
    differs
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(key, _)| key)
        .collect()
}

/// What was done on another thread; none where the host failed at it.
fn failed<T>(done: Result<T, JoinError>) -> Option<T> {
    done.inspect_err(
        |error| tracing::error!(target: "hookyard::config", %error, "the host failed while it read its configuration"),
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_from_what_runs_needs_a_restart() {
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
