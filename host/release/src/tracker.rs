//! Decides, from one look at the folder to the next, what is to be loaded and what is to be removed.
//!
//! ```text
//!          differs from what was handled       unchanged for the window
//! (any) --------------------------------> seen ------------------------> handled: Load or Remove, once
//!                                          ^ |
//!                                          '-' changed again: the window starts anew
//! ```
//!
//! No clock and no file system: the caller says what it saw and when. A file that is refused is not tried again until
//! it changes; a missing file counts as removed only after a window of its own, which outlasts unlink-and-create.

use hookyard_config::settings::Windows;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use hookyard_model::PluginRef;

use super::sighting::{Files, Sighting};

/// When a look was taken, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Measures windows.
    pub(super) instant: Instant,
    /// Compares with the change times of files.
    pub(super) wall: SystemTime,
}

/// What is to be done for one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Say that its file is there, or is another one. It isn't dealt with yet.
    Announce(PluginRef),
    /// Load these files, and say `ended` when that is over.
    Load(PluginRef, Files),
    /// Its file is gone.
    Remove(PluginRef),
}

/// How a load ended, as far as the tracker cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Loaded or refused: these files are dealt with.
    Handled,
    /// The files moved meanwhile or couldn't be read: look again.
    Again,
    /// The host couldn't load them: try again after this pause.
    After(Duration),
}

#[derive(Debug)]
struct Track {
    seen: Option<Files>,
    since: Instant,
    seen_at: SystemTime,
    handled: Option<Files>,
    is_loading: bool,
    again: bool,
}

impl Track {
    fn is_open(&self) -> bool {
        !self.is_loading && (self.again || self.seen != self.handled)
    }

    fn due(&self, windows: Windows) -> Instant {
        self.since
            + if self.seen.is_some() {
                windows.settle
            } else {
                windows.removal
            }
    }
}

/// What was seen and what was done about it, for every plugin.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    tracks: BTreeMap<PluginRef, Track>,
    /// What was seen last, less its problems.
    last: Sighting,
}

impl Tracker {
    /// Takes in one look and says what is to be done now.
    pub(super) fn observe(
        &mut self,
        sighting: Sighting,
        windows: Windows,
        now: Moment,
    ) -> Vec<Action> {
        let known = self.tracks.keys().chain(sighting.plugins.keys()).cloned();
        let plugins: BTreeSet<PluginRef> = known.filter(|plugin| !sighting.hides(plugin)).collect();
        let actions = plugins.into_iter().flat_map(|plugin| {
            let files = sighting.plugins.get(&plugin).copied();
            self.step(plugin, files, windows, now)
        });
        let actions = actions.collect();
        self.tracks
            .retain(|_, track| track.seen.is_some() || track.handled.is_some() || track.is_loading);
        self.last = sighting;
        actions
    }

    fn step(
        &mut self,
        plugin: PluginRef,
        files: Option<Files>,
        windows: Windows,
        now: Moment,
    ) -> Vec<Action> {
        let (since, seen_at) = (now.instant, now.wall);
        let fresh = || Track {
            seen: None,
            since,
            seen_at,
            handled: None,
            is_loading: false,
            again: false,
        };
        let track = self.tracks.entry(plugin.clone()).or_insert_with(fresh);
        let mut actions = Vec::new();
        if track.seen != files {
            // A file that grows is announced once.
            let is_news = track.seen == track.handled && files.is_some();
            actions.extend(is_news.then(|| Action::Announce(plugin.clone())));
            let quiet = files
                .map_or(Duration::ZERO, |files| files.quiet_for(now.wall))
                .min(windows.settle);
            track.seen = files;
            track.seen_at = now.wall;
            track.since = now.instant.checked_sub(quiet).unwrap_or(now.instant);
        }
        if !track.is_open() || now.instant < track.due(windows) {
            return actions;
        }
        track.handled = track.seen;
        track.again = false;
        track.is_loading = track.seen.is_some();
        actions.push(match track.seen {
            Some(files) => Action::Load(plugin, files),
            None => Action::Remove(plugin),
        });
        actions
    }

    /// A load of `plugin` is over.
    pub(super) fn ended(&mut self, plugin: &PluginRef, ended: Ended, now: Instant) {
        if let Some(track) = self.tracks.get_mut(plugin) {
            track.is_loading = false;
            let pause = match ended {
                Ended::Handled => return,
                Ended::Again => Duration::ZERO,
                Ended::After(pause) => pause,
            };
            track.again = true;
            track.since = now + pause;
        }
    }

    /// Has everything that is there loaded once more, as if it had just changed. No pause goes on.
    pub(super) fn reconsider(&mut self, now: Instant) {
        for track in self.tracks.values_mut() {
            track.again = true;
            track.since = track.since.min(now);
        }
    }

    /// As `reconsider`, of one.
    pub(super) fn reconsider_one(&mut self, plugin: &PluginRef) {
        if let Some(track) = self.tracks.get_mut(plugin) {
            track.again = true;
        }
    }

    /// Whether a plugin is beyond the most that its tenant may have.
    pub(super) fn is_over(&self, plugin: &PluginRef) -> bool {
        self.last.over.contains(plugin)
    }

    /// Whether there is, or may be, anything of a plugin.
    pub(super) fn has(&self, plugin: &PluginRef) -> bool {
        self.tracks.contains_key(plugin) || self.last.hides(plugin)
    }

    /// Whether something will be done about a plugin, or may have to be.
    pub(super) fn is_undecided(&self, plugin: &PluginRef) -> bool {
        self.last.hides(plugin)
            || self
                .tracks
                .get(plugin)
                .is_some_and(|track| track.is_open() || track.is_loading)
    }

    /// The plugins that are being loaded.
    pub(super) fn loading(&self) -> impl Iterator<Item = &PluginRef> {
        self.tracks
            .iter()
            .filter(|(_, track)| track.is_loading)
            .map(|(plugin, _)| plugin)
    }

    /// When the files that are there now were first seen.
    pub(super) fn seen_at(&self, plugin: &PluginRef) -> Option<SystemTime> {
        self.tracks.get(plugin).map(|track| track.seen_at)
    }

    /// When the next look can lead to something even if nothing changes.
    pub(super) fn next_due(&self, windows: Windows) -> Option<Instant> {
        self.open().map(|track| track.due(windows)).min()
    }

    /// Whether everything that was seen is dealt with.
    pub(super) fn is_idle(&self) -> bool {
        self.open().next().is_none() && self.loading().next().is_none()
    }

    /// Those that something will be done about. Nothing is done about what can't be seen.
    fn open(&self) -> impl Iterator<Item = &Track> {
        let open = self
            .tracks
            .iter()
            .filter(|(plugin, track)| track.is_open() && !self.last.hides(plugin));
        open.map(|(_, track)| track)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookyard_config::files::Stamp;
    use hookyard_model::{PluginName, TenantName};

    const WINDOWS: Windows = Windows {
        settle: Duration::from_millis(200),
        removal: Duration::from_millis(1000),
    };

    fn plugin() -> PluginRef {
        let name = (TenantName::new("acme"), PluginName::new("orders"));
        PluginRef {
            tenant: name.0.expect("valid"),
            name: name.1.expect("valid"),
        }
    }

    /// A version of the plugin's file, last changed `at` that many milliseconds into the test.
    fn files(inode: u64, at: u64) -> Files {
        let changed = i128::from(at) * 1_000_000 + 1_000_000_000_000_000_000;
        Files {
            code: Stamp {
                device: 1,
                inode,
                bytes: 10,
                modified: changed,
                changed,
            },
            sidecar: None,
            fixtures: None,
        }
    }

    struct Script {
        tracker: Tracker,
        start: Instant,
        announced: usize,
    }

    impl Script {
        fn new() -> Self {
            Self {
                tracker: Tracker::default(),
                start: Instant::now() + Duration::from_secs(3600),
                announced: 0,
            }
        }

        fn moment(&self, at: u64) -> Moment {
            let wall = SystemTime::UNIX_EPOCH
                + Duration::from_secs(1_000_000_000)
                + Duration::from_millis(at);
            Moment {
                instant: self.start + Duration::from_millis(at),
                wall,
            }
        }

        fn see(&mut self, at: u64, seen: Option<Files>) -> Vec<Action> {
            let sighting = Sighting {
                plugins: seen.map(|files| (plugin(), files)).into_iter().collect(),
                ..Sighting::default()
            };
            let mut actions = self.tracker.observe(sighting, WINDOWS, self.moment(at));
            self.announced += actions
                .extract_if(.., |action| matches!(action, Action::Announce(_)))
                .count();
            actions
        }

        fn expect(&mut self, at: u64, seen: Option<Files>, expected: &[Action]) {
            assert_eq!(self.see(at, seen), expected, "at {at} ms");
        }

        fn ended(&mut self, at: u64, ended: Ended) {
            let now = self.moment(at).instant;
            self.tracker.ended(&plugin(), ended, now);
        }

        /// One whose first version is loaded and serving.
        fn serving() -> Self {
            let mut script = Self::new();
            script.expect(5000, Some(files(1, 0)), &[load(1, 0)]);
            script.ended(5010, Ended::Handled);
            script
        }
    }

    fn load(inode: u64, at: u64) -> Action {
        Action::Load(plugin(), files(inode, at))
    }

    fn remove() -> Action {
        Action::Remove(plugin())
    }

    #[test]
    fn a_file_that_was_quiet_before_it_was_seen_is_loaded_at_once() {
        Script::new().expect(500, Some(files(1, 100)), &[load(1, 100)]);
    }

    #[test]
    fn a_growing_file_waits_until_it_stops() {
        let mut script = Script::new();
        for at in [100, 200, 300, 400] {
            script.expect(at, Some(files(1, at)), &[]);
        }
        script.expect(550, Some(files(1, 400)), &[]);
        assert_eq!(script.announced, 1, "it's announced once");
        assert_eq!(
            script.tracker.next_due(WINDOWS),
            Some(script.moment(600).instant)
        );
        script.expect(600, Some(files(1, 400)), &[load(1, 400)]);
        script.expect(700, Some(files(1, 400)), &[]);
    }

    #[test]
    fn a_handled_file_is_left_alone_until_it_changes() {
        let mut script = Script::serving();
        script.expect(6000, Some(files(1, 0)), &[]);
        assert!(script.tracker.is_idle() && script.tracker.next_due(WINDOWS).is_none());
        script.expect(7000, Some(files(2, 6990)), &[]);
        script.expect(7190, Some(files(2, 6990)), &[load(2, 6990)]);
    }

    #[test]
    fn unlink_and_create_is_a_replacement_and_no_removal() {
        let mut script = Script::serving();
        script.expect(6000, None, &[]);
        script.expect(6500, None, &[]);
        script.expect(6600, Some(files(2, 6590)), &[]);
        script.expect(6790, Some(files(2, 6590)), &[load(2, 6590)]);
    }

    #[test]
    fn the_same_file_moved_away_and_back_is_nothing() {
        let mut script = Script::serving();
        script.expect(6000, None, &[]);
        script.expect(6500, Some(files(1, 0)), &[]);
        assert!(script.tracker.is_idle());
    }

    #[test]
    fn a_file_that_stays_away_is_removed_once() {
        let mut script = Script::serving();
        script.expect(6000, None, &[]);
        script.expect(6999, None, &[]);
        assert_eq!(
            script.tracker.next_due(WINDOWS),
            Some(script.moment(7000).instant)
        );
        script.expect(7000, None, &[remove()]);
        script.expect(9000, None, &[]);
        assert!(script.tracker.tracks.is_empty());
    }

    #[test]
    fn a_file_that_came_and_went_leaves_no_trace() {
        let mut script = Script::new();
        script.expect(100, Some(files(1, 100)), &[]);
        script.expect(200, None, &[]);
        assert!(script.tracker.tracks.is_empty());
    }

    #[test]
    fn a_change_during_a_load_is_loaded_after_it() {
        let mut script = Script::new();
        script.expect(1000, Some(files(1, 0)), &[load(1, 0)]);
        script.expect(1100, Some(files(2, 1050)), &[]);
        script.expect(1400, Some(files(2, 1050)), &[]);
        script.ended(1500, Ended::Handled);
        script.expect(1501, Some(files(2, 1050)), &[load(2, 1050)]);
    }

    #[test]
    fn a_removal_during_a_load_follows_it() {
        let mut script = Script::new();
        script.expect(1000, Some(files(1, 0)), &[load(1, 0)]);
        script.expect(1100, None, &[]);
        script.expect(2200, None, &[]);
        script.ended(2300, Ended::Again);
        script.expect(2301, None, &[]);
        script.expect(3300, None, &[remove()]);
    }

    #[test]
    fn files_that_moved_under_the_load_are_looked_at_again() {
        let mut script = Script::new();
        script.expect(1000, Some(files(1, 0)), &[load(1, 0)]);
        script.ended(1010, Ended::Again);
        script.expect(1020, Some(files(1, 0)), &[]);
        script.expect(1210, Some(files(1, 0)), &[load(1, 0)]);
    }

    #[test]
    fn a_load_that_the_host_failed_at_is_made_again_after_a_pause() {
        let mut script = Script::new();
        script.expect(1000, Some(files(1, 0)), &[load(1, 0)]);
        script.ended(1010, Ended::After(Duration::from_secs(5)));
        script.expect(6000, Some(files(1, 0)), &[]);
        script.expect(6210, Some(files(1, 0)), &[load(1, 0)]);
    }

    #[test]
    fn nothing_is_concluded_from_what_cannot_be_seen() {
        let mut script = Script::serving();
        let hidden = || Sighting {
            hidden: [plugin()].into(),
            ..Sighting::default()
        };
        let hidden_tenant = || Sighting {
            hidden_tenants: [plugin().tenant].into(),
            ..Sighting::default()
        };
        let over = || Sighting {
            over: [plugin()].into(),
            ..Sighting::default()
        };
        let sightings = [
            hidden(),
            hidden(),
            hidden_tenant(),
            hidden_tenant(),
            over(),
            over(),
        ];
        for (at, sighting) in [6000, 9000, 12_000, 15_000, 18_000, 21_000]
            .into_iter()
            .zip(sightings)
        {
            let moment = script.moment(at);
            assert_eq!(script.tracker.observe(sighting, WINDOWS, moment), []);
        }
        assert!(script.tracker.is_idle() && script.tracker.has(&plugin()));
    }

    #[test]
    fn what_is_hidden_before_it_counts_causes_no_look() {
        let mut script = Script::new();
        script.expect(100, Some(files(1, 100)), &[]);
        let over = Sighting {
            over: [plugin()].into(),
            ..Sighting::default()
        };
        let moment = script.moment(150);
        assert_eq!(script.tracker.observe(over, WINDOWS, moment), []);
        assert!(script.tracker.is_idle() && script.tracker.next_due(WINDOWS).is_none());
        script.expect(400, Some(files(1, 100)), &[load(1, 100)]);
    }

    #[test]
    fn reconsidering_loads_everything_once_more() {
        let mut script = Script::serving();
        script.tracker.reconsider(script.start);
        script.expect(6000, Some(files(1, 0)), &[load(1, 0)]);
    }
}
