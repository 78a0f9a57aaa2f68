//! Takes up what an earlier host has left, and what operators say while this one runs.
//!
//! Both are the same: the store is read, and each plugin's course is brought to where it leads.

use std::collections::BTreeMap;
use std::time::Duration;

use hookyard_inbox::{Ban, Error, Wish, insist};
use hookyard_model::{PluginRef, Step};

use super::course::Course;
use super::run::Keeper;
use crate::explain::chain;

/// How long a store that fails is asked again.
const INSIST_MAX: Duration = Duration::from_secs(5);

/// What operators want of one plugin.
#[derive(Default)]
struct Said {
    wish: Option<Wish>,
    bans: Vec<Ban>,
}

impl Keeper {
    /// Takes up where the record ends.
    pub(super) async fn resume(&mut self) {
        let records = match insist(INSIST_MAX, || self.parts.releases.revisions(None)).await {
            Ok(records) => records,
            Err(error) => return unread(&error),
        };
        self.journal.resume(&records);
        let mut served: Vec<_> = records.iter().filter(|known| known.served_at.is_some()).collect();
        served.sort_by_key(|known| std::cmp::Reverse(known.served_at));
        for known in served {
            let course = self.courses.entry(known.plugin.clone()).or_default();
            course.served.push(known.revision);
            if known.step == Step::Active {
                (course.last, course.last_since) = (Some(known.revision), known.served_at);
            }
        }
        // Their attempts ended with their host.
        for (plugin, revision) in self.journal.at(Step::Draining) {
            self.drained(&plugin, revision).await;
        }
        self.take_orders().await;
    }

    /// Those that an earlier host had active and that aren't in the folder any more.
    pub(super) async fn retire_absent(&mut self) {
        for (plugin, revision) in self.journal.at(Step::Active) {
            let is_absent = self.courses.get(&plugin).is_none_or(|course| course.active.is_none());
            if is_absent && !self.tracker.has(&plugin) {
                let reason = Some("its file went while no host was running".to_owned());
                let draining = self.journal.step(revision, Step::Draining, reason);
                let retired = self.journal.step(revision, Step::Retired, None);
                self.journal.tell(&plugin, &[draining, retired]).await;
                self.courses.entry(plugin).or_default().removed();
            }
        }
    }

    /// Follows what operators say.
    pub(super) async fn take_orders(&mut self) {
        let mut said = match self.said().await {
            Ok(said) => said,
            Err(error) => return unread(&error),
        };
        let known: Vec<_> = self.courses.keys().cloned().collect();
        for plugin in known {
            said.entry(plugin).or_default();
        }
        for (plugin, Said { wish, bans }) in said {
            let course = self.courses.entry(plugin.clone()).or_default();
            if course.wish == wish && course.bans == bans {
                continue;
            }
            (course.wish, course.bans) = (wish, bans);
            let course = course.clone();
            self.follow(&plugin, &course).await;
        }
    }

    async fn follow(&mut self, plugin: &PluginRef, course: &Course) {
        let is_wished = course.wish.as_ref().is_some_and(|wish| course.active == Some(wish.revision));
        if is_wished {
            self.parts.trials.settle(plugin);
        }
        if course.call_for().is_some() {
            self.bring_back(plugin).await;
        } else if course.may_take_file() {
            self.refusals.remove(plugin);
            self.tracker.reconsider_one(plugin);
        }
    }

    async fn said(&self) -> Result<BTreeMap<PluginRef, Said>, Error> {
        let releases = &self.parts.releases;
        let wishes = insist(INSIST_MAX, || releases.wishes()).await?;
        let bans = insist(INSIST_MAX, || releases.bans()).await?;
        let mut said = BTreeMap::<PluginRef, Said>::new();
        for wish in wishes {
            let plugin = wish.plugin.clone();
            said.entry(plugin).or_default().wish = Some(wish);
        }
        for ban in bans {
            said.entry(ban.plugin.clone()).or_default().bans.push(ban);
        }
        Ok(said)
    }
}

fn unread(error: &Error) {
    let reason = chain(error);
    tracing::error!(target: "hookyard::release", reason, "the record of releases can't be read; what operators have said is not followed until it changes");
}
