//! Decides when a plugin's files are loaded, and when the plugin is removed, from one look at the
//! folder to the next.
//!
//! ```text
//!       differ from the handled files        unchanged for the window
//! (any) ---------------------------> seen ------------------------> handled: load or remove, once
//!                                     ^ |
//!                                     '-' changed again: the window starts again
//! ```
//!
//! This module has no clock and no file system: the caller passes the files and the time. A file
//! that was refused is not loaded again until it changes. A missing file counts as removed only
//! after a window of its own, which is longer than the time between deleting a file and creating
//! its replacement.

use std::time::{Duration, Instant, SystemTime};

use hookyard_config::settings::Windows;

use super::sighting::Files;

/// The time of a look at the folder, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The monotonic time, which measures windows.
    pub instant: Instant,
    /// The wall-clock time, which is compared with the change times of files.
    pub wall: SystemTime,
}

/// The result of one look at a plugin's files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Observation {
    /// Whether the file is new or has changed since the last files that were handled.
    pub(crate) is_news: bool,
    /// The work that is due now.
    pub(crate) due: Option<Due>,
}

/// Work that a look at the folder made due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// These files have settled and must be loaded. [`Track::ended`] ends the load.
    Load(Files),
    /// The file has been missing for the removal window.
    Remove,
}

/// What follows for a plugin's files from the end of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The files were loaded or refused, and are not loaded again until they change.
    Handled,
    /// The files changed during the load or could not be read. They are looked at again.
    Again,
    /// The host could not load the files. It tries again after this pause.
    After(Duration),
}

/// What the folder holds of one plugin, and which files have been handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Track {
    seen: Option<Files>,
    since: Instant,
    seen_at: SystemTime,
    handled: Option<Files>,
    is_loading: bool,
    again: bool,
}

impl Track {
    /// Creates the track of a plugin that no look has shown.
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            seen: None,
            since: now.instant,
            seen_at: now.wall,
            handled: None,
            is_loading: false,
            again: false,
        }
    }

    /// Takes in what one look showed, and returns what is due.
    pub(crate) fn observe(
        &mut self,
        files: Option<Files>,
        windows: Windows,
        now: Moment,
    ) -> Observation {
        let mut observation = Observation::default();
        if self.seen != files {
            // A file that grows during a copy is news only once.
            observation.is_news = self.seen == self.handled && files.is_some();

            let quiet = files
                .map_or(Duration::ZERO, |files| files.quiet_for(now.wall))
                .min(windows.settle);
            self.seen = files;
            self.seen_at = now.wall;
            self.since = now.instant.checked_sub(quiet).unwrap_or(now.instant);
        }

        if self.is_open() && now.instant >= self.due(windows) {
            self.handled = self.seen;
            self.again = false;
            self.is_loading = self.seen.is_some();
            observation.due = Some(self.seen.map_or(Due::Remove, Due::Load));
        }
        observation
    }

    /// Ends a load of the plugin's files.
    pub(crate) fn ended(&mut self, ended: Ended, now: Instant) {
        self.is_loading = false;
        let pause = match ended {
            Ended::Handled => return,
            Ended::Again => Duration::ZERO,
            Ended::After(pause) => pause,
        };

        self.again = true;
        self.since = now + pause;
    }

    /// Makes the files due once more, as if they had just settled. A pause ends.
    pub(crate) fn reload(&mut self, now: Instant) {
        self.again = true;
        self.since = self.since.min(now);
    }

    /// Makes the files due once more, after any pause that is running.
    pub(crate) fn reload_when_due(&mut self) {
        self.again = true;
    }

    /// Returns whether the plugin has left no trace: no file was seen or handled, and none is being
    /// loaded.
    pub(crate) fn is_blank(&self) -> bool {
        self.seen.is_none() && self.handled.is_none() && !self.is_loading
    }

    /// Returns whether the plugin's files are being loaded.
    pub(crate) fn is_loading(&self) -> bool {
        self.is_loading
    }

    /// Returns whether work will become due even if the files stay as they are.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_loading && (self.again || self.seen != self.handled)
    }

    /// Returns the time at which the work of an open track is due.
    pub(crate) fn due(&self, windows: Windows) -> Instant {
        let window = if self.seen.is_some() {
            windows.settle
        } else {
            windows.removal
        };
        self.since + window
    }

    /// Returns the time at which the present files were first seen.
    pub(crate) fn seen_at(&self) -> SystemTime {
        self.seen_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookyard_config::files::Stamp;

    const WINDOWS: Windows = Windows {
        settle: Duration::from_millis(200),
        removal: Duration::from_millis(1000),
    };

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
            settings: None,
            fixtures: None,
        }
    }

    struct Script {
        track: Option<Track>,
        start: Instant,
        announced: usize,
    }

    impl Script {
        fn new() -> Self {
            Self {
                track: None,
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

        fn expect(&mut self, at: u64, files: Option<Files>, expected: Option<Due>) {
            let moment = self.moment(at);
            let track = self.track.get_or_insert_with(|| Track::new(moment));
            let observation = track.observe(files, WINDOWS, moment);
            self.track.take_if(|track| track.is_blank());
            self.announced += usize::from(observation.is_news);
            assert_eq!(observation.due, expected, "at {at} ms");
        }

        fn ended(&mut self, at: u64, ended: Ended) {
            let now = self.moment(at).instant;
            self.track.as_mut().expect("a track").ended(ended, now);
        }

        fn next_due(&self) -> Option<Instant> {
            let track = self.track.as_ref().filter(|track| track.is_open())?;
            Some(track.due(WINDOWS))
        }

        fn is_idle(&self) -> bool {
            self.next_due().is_none() && !self.track.as_ref().is_some_and(Track::is_loading)
        }

        /// A script whose first file has been loaded.
        fn serving() -> Self {
            let mut script = Self::new();
            script.expect(5000, Some(files(1, 0)), load(1, 0));
            script.ended(5010, Ended::Handled);
            script
        }
    }

    fn load(inode: u64, at: u64) -> Option<Due> {
        Some(Due::Load(files(inode, at)))
    }

    #[test]
    fn quiet_file_is_loaded_at_once() {
        Script::new().expect(500, Some(files(1, 100)), load(1, 100));
    }

    #[test]
    fn growing_file_waits_until_it_settles() {
        let mut script = Script::new();
        for at in [100, 200, 300, 400] {
            script.expect(at, Some(files(1, at)), None);
        }
        script.expect(550, Some(files(1, 400)), None);
        assert_eq!(script.announced, 1, "a growing file is news once");
        assert_eq!(script.next_due(), Some(script.moment(600).instant));
        script.expect(600, Some(files(1, 400)), load(1, 400));
        script.expect(700, Some(files(1, 400)), None);
    }

    #[test]
    fn handled_file_is_loaded_again_after_a_change() {
        let mut script = Script::serving();
        script.expect(6000, Some(files(1, 0)), None);
        assert!(script.is_idle() && script.next_due().is_none());
        script.expect(7000, Some(files(2, 6990)), None);
        script.expect(7190, Some(files(2, 6990)), load(2, 6990));
    }

    #[test]
    fn deleted_and_created_file_is_a_replacement() {
        let mut script = Script::serving();
        script.expect(6000, None, None);
        script.expect(6500, None, None);
        script.expect(6600, Some(files(2, 6590)), None);
        script.expect(6790, Some(files(2, 6590)), load(2, 6590));
    }

    #[test]
    fn file_moved_away_and_back_is_not_loaded() {
        let mut script = Script::serving();
        script.expect(6000, None, None);
        script.expect(6500, Some(files(1, 0)), None);
        assert!(script.is_idle());
    }

    #[test]
    fn missing_file_is_removed_once() {
        let mut script = Script::serving();
        script.expect(6000, None, None);
        script.expect(6999, None, None);
        assert_eq!(script.next_due(), Some(script.moment(7000).instant));
        script.expect(7000, None, Some(Due::Remove));
        script.expect(9000, None, None);
        assert!(script.track.is_none());
    }

    #[test]
    fn file_that_came_and_went_leaves_no_track() {
        let mut script = Script::new();
        script.expect(100, Some(files(1, 100)), None);
        script.expect(200, None, None);
        assert!(script.track.is_none());
    }

    #[test]
    fn change_during_a_load_is_loaded_after_it() {
        let mut script = Script::new();
        script.expect(1000, Some(files(1, 0)), load(1, 0));
        script.expect(1100, Some(files(2, 1050)), None);
        script.expect(1400, Some(files(2, 1050)), None);
        script.ended(1500, Ended::Handled);
        script.expect(1501, Some(files(2, 1050)), load(2, 1050));
    }

    #[test]
    fn removal_during_a_load_follows_it() {
        let mut script = Script::new();
        script.expect(1000, Some(files(1, 0)), load(1, 0));
        script.expect(1100, None, None);
        script.expect(2200, None, None);
        script.ended(2300, Ended::Again);
        script.expect(2301, None, None);
        script.expect(3300, None, Some(Due::Remove));
    }

    #[test]
    fn files_that_moved_during_a_load_are_loaded_again() {
        let mut script = Script::new();
        script.expect(1000, Some(files(1, 0)), load(1, 0));
        script.ended(1010, Ended::Again);
        script.expect(1020, Some(files(1, 0)), None);
        script.expect(1210, Some(files(1, 0)), load(1, 0));
    }

    #[test]
    fn failed_load_is_repeated_after_a_pause() {
        let mut script = Script::new();
        script.expect(1000, Some(files(1, 0)), load(1, 0));
        script.ended(1010, Ended::After(Duration::from_secs(5)));
        script.expect(6000, Some(files(1, 0)), None);
        script.expect(6210, Some(files(1, 0)), load(1, 0));
    }

    #[test]
    fn reload_loads_handled_files_again() {
        let mut script = Script::serving();
        let start = script.start;
        script.track.as_mut().expect("a track").reload(start);
        script.expect(6000, Some(files(1, 0)), load(1, 0));
    }
}
