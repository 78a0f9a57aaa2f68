//! The release states of all plugins, and the last look at the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use hookyard_config::settings::Windows;
use hookyard_model::{PluginRef, Revision};
use hookyard_store::RevisionRecord;

use crate::decide::{Action, Input, Now, step};
use crate::folder::precedence::Precedence;
use crate::folder::sighting::{Files, Sighting};
use crate::folder::track::Track;
use crate::plugin::Plugin;

/// The release states of all plugins.
#[derive(Debug, Default)]
pub(crate) struct Plugins {
    states: BTreeMap<PluginRef, Plugin>,
    /// The last look at the folder.
    sighting: Sighting,
}

impl Plugins {
    /// Creates the states that a host starts with, from the records of the previous one.
    pub(crate) fn resumed(records: &[RevisionRecord]) -> Self {
        let states = records.chunk_by(|one, next| one.plugin == next.plugin);
        let states = states.filter_map(|records| {
            let name = records.first()?.plugin.clone();
            let plugin = Plugin::resumed(name.clone(), records);
            (!plugin.is_blank()).then_some((name, plugin))
        });

        Self {
            states: states.collect(),
            sighting: Sighting::default(),
        }
    }

    /// Changes the state of one plugin by an input, and returns the actions that follow.
    pub(crate) fn step(&mut self, name: &PluginRef, input: Input, now: &Now) -> Vec<Action> {
        let plugin = self.states.remove(name);
        let plugin = plugin.unwrap_or_else(|| Plugin::new(name.clone()));
        let (plugin, actions) = step(plugin, input, now);

        if !plugin.is_blank() {
            self.states.insert(name.clone(), plugin);
        }
        actions
    }

    /// Takes in a look at the folder, and returns what it showed of each plugin. A plugin that the
    /// look could not see is left out: nothing follows from its absence.
    pub(crate) fn look(&mut self, sighting: Sighting) -> Vec<(PluginRef, Option<Files>)> {
        let tracked = self
            .states
            .iter()
            .filter(|(_, plugin)| plugin.track.is_some())
            .map(|(name, _)| name);
        let names: BTreeSet<_> = tracked
            .chain(sighting.plugins.keys())
            .filter(|name| !sighting.hides(name))
            .cloned()
            .collect();
        let seen = names
            .into_iter()
            .map(|name| {
                let files = sighting.plugins.get(&name).copied();
                (name, files)
            })
            .collect();

        self.sighting = sighting;
        seen
    }

    /// Returns the state of a plugin.
    pub(crate) fn get(&self, name: &PluginRef) -> Option<&Plugin> {
        self.states.get(name)
    }

    /// Returns the names of the plugins whose state fulfils a condition.
    pub(crate) fn names(&self, is_wanted: impl Fn(&Plugin) -> bool) -> Vec<PluginRef> {
        let wanted = self.states.iter().filter(|(_, plugin)| is_wanted(plugin));
        wanted.map(|(name, _)| name.clone()).collect()
    }

    /// Returns the plugins that served in the previous host and have no file now.
    pub(crate) fn absent(&self) -> Vec<PluginRef> {
        self.names(|plugin| {
            plugin.active.is_none()
                && plugin.serves()
                && plugin.track.is_none()
                && !self.sighting.hides(&plugin.name)
        })
    }

    /// Returns the plugins that served in the previous host and are now more than their tenant may
    /// have.
    pub(crate) fn over_limit(&self) -> Vec<PluginRef> {
        self.names(|plugin| {
            plugin.active.is_none() && plugin.serves() && self.sighting.over.contains(&plugin.name)
        })
    }

    /// Returns whether the last look showed more plugins of a tenant than it may have.
    pub(crate) fn is_any_over(&self) -> bool {
        !self.sighting.over.is_empty()
    }

    /// Returns whether something is under way, or may follow, that changes what a plugin serves.
    pub(crate) fn is_undecided(&self, name: &PluginRef) -> bool {
        self.sighting.hides(name) || self.get(name).is_some_and(Plugin::is_undecided)
    }

    /// Returns the order in which the plugins of a tenant count, where it has too many: first those
    /// that serve, then those that are being loaded or rehearsed.
    pub(crate) fn precedence(&self) -> Precedence {
        let is_loading = |plugin: &Plugin| {
            plugin.rehearsing.is_some() || plugin.track.as_ref().is_some_and(Track::is_loading)
        };
        Precedence::new(self.names(Plugin::serves), self.names(is_loading))
    }

    /// Returns the time at which the next look may make work due although no file changes.
    pub(crate) fn next_due(&self, windows: Windows) -> Option<Instant> {
        self.open_tracks().map(|track| track.due(windows)).min()
    }

    /// Returns whether all files have been handled and none is being loaded.
    pub(crate) fn is_idle(&self) -> bool {
        let mut tracks = self
            .states
            .values()
            .filter_map(|plugin| plugin.track.as_ref());
        !tracks.any(Track::is_loading) && self.open_tracks().next().is_none()
    }

    /// Returns whether a plugin is being rehearsed.
    pub(crate) fn is_rehearsing(&self) -> bool {
        self.states
            .values()
            .any(|plugin| plugin.rehearsing.is_some())
    }

    /// Returns the revisions whose compiled code is in use.
    pub(crate) fn in_use(&self, revisions_kept: usize) -> BTreeSet<Revision> {
        self.states
            .values()
            .flat_map(|plugin| plugin.in_use(revisions_kept))
            .collect()
    }

    /// Returns the tracks for which work will become due. There is none for a plugin that the last
    /// look could not see.
    fn open_tracks(&self) -> impl Iterator<Item = &Track> {
        let visible = self
            .states
            .values()
            .filter(|plugin| !self.sighting.hides(&plugin.name));
        visible
            .filter_map(|plugin| plugin.track.as_ref())
            .filter(|track| track.is_open())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::{Duration, SystemTime};

    use hookyard_config::files::Stamp;
    use hookyard_model::Timestamp;

    use super::*;
    use crate::folder::track::Moment;
    use crate::plugin::tests::name;

    const WINDOWS: Windows = Windows {
        settle: Duration::from_secs(1),
        removal: Duration::from_secs(2),
    };

    fn now() -> Now {
        Now {
            time: Timestamp::from_unix_secs(1),
            moment: Moment {
                instant: Instant::now(),
                wall: SystemTime::UNIX_EPOCH,
            },
            windows: WINDOWS,
            revisions_kept: 1,
            archived: BTreeSet::new(),
            warm: None,
            attempts: 0,
        }
    }

    fn files() -> Files {
        Files {
            code: Stamp {
                device: 1,
                inode: 1,
                bytes: 1,
                modified: 0,
                changed: i128::MAX,
            },
            settings: None,
            fixtures: None,
        }
    }

    /// Returns one plugin, whose file was seen a moment ago.
    fn seen() -> Plugins {
        let mut plugins = Plugins::default();
        let sighting = Sighting {
            plugins: [(name(), files())].into(),
            ..Sighting::default()
        };

        for (name, files) in plugins.look(sighting) {
            plugins.step(&name, Input::Seen(files), &now());
        }

        assert!(!plugins.is_idle() && plugins.next_due(WINDOWS).is_some());
        plugins
    }

    #[test]
    fn missing_plugin_is_looked_at_until_it_is_forgotten() {
        let mut plugins = seen();
        assert_eq!(plugins.look(Sighting::default()), [(name(), None)]);
        plugins.step(&name(), Input::Seen(None), &now());
        assert_eq!(plugins.look(Sighting::default()), []);
        assert!(plugins.get(&name()).is_none());
    }

    #[test]
    fn hidden_plugin_stays_as_it_is() {
        let sightings = [
            Sighting {
                hidden: [name()].into(),
                ..Sighting::default()
            },
            Sighting {
                hidden_tenants: [name().tenant].into(),
                ..Sighting::default()
            },
            Sighting {
                over: [name()].into(),
                ..Sighting::default()
            },
        ];

        for sighting in sightings {
            let mut plugins = seen();
            assert_eq!(plugins.look(sighting), []);
            assert!(plugins.is_idle() && plugins.next_due(WINDOWS).is_none());
            assert!(plugins.is_undecided(&name()));
        }
    }
}
