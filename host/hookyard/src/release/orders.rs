//! Takes up what an earlier host has left, and what operators say while this one runs.
//!
//! Both are the same: the store is read, and each plugin's course is brought to where it leads.

use std::collections::BTreeMap;
use std::time::Duration;

use hookyard_inbox::{Ban, Error, Inbox, Releases, RevisionRecord, Routes, Wish, insist};
use hookyard_model::{PluginRef, Step};

use super::course::Course;
use super::run::Keeper;
use crate::explain::chain;

/// How long a store that fails is asked again, before that is said.
const INSIST_MAX: Duration = Duration::from_secs(5);

/// What operators want of one plugin.
#[derive(Default)]
struct Said {
    wish: Option<Wish>,
    bans: Vec<Ban>,
}

impl Keeper {
    /// Takes up where the record ends. Until it can be read nothing is loaded: what was taken out of service would come back.
    pub(super) async fn resume(&mut self) {
        let Record {
            revisions: records,
            said,
        } = Record::wait_for(&*self.parts.releases).await;
        self.journal.resume(&records);
        self.earlier = routed(&*self.parts.inbox).await;
        let mut served: Vec<_> = records
            .iter()
            .filter(|known| known.served_at.is_some())
            .collect();
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
        self.follow_all(said).await;
    }

    /// Those that an earlier host had active and that aren't in the folder any more.
    pub(super) async fn retire_absent(&mut self) {
        for (plugin, revision) in self.journal.at(Step::Active) {
            let is_absent = self
                .courses
                .get(&plugin)
                .is_none_or(|course| course.active.is_none());
            if is_absent && !self.tracker.has(&plugin) {
                let reason = Some("its file went while no host was running".to_owned());
                let draining = self.journal.step(revision, Step::Draining, reason);
                let retired = self.journal.step(revision, Step::Retired, None);
                self.journal.tell(&plugin, &[draining, retired]).await;
                self.courses.entry(plugin).or_default().removed();
            }
        }
    }

    /// Those that an earlier host had active and that aren't loaded now, since their tenant has too many. Their events wait.
    pub(super) async fn retire_over(&mut self, count_max: usize) {
        for (plugin, revision) in self.journal.at(Step::Active) {
            let is_loaded = self
                .courses
                .get(&plugin)
                .is_some_and(|course| course.active.is_some());
            if !is_loaded && self.tracker.is_over(&plugin) {
                let reason =
                    format!("the tenant may have {count_max} plugins (plugins.tenant_count_max)");
                let draining = self.journal.step(revision, Step::Draining, Some(reason));
                let retired = self.journal.step(revision, Step::Retired, None);
                self.journal.tell(&plugin, &[draining, retired]).await;
            }
        }
    }

    /// Follows what operators say.
    pub(super) async fn take_orders(&mut self) {
        match said(&*self.parts.releases).await {
            Ok(said) => self.follow_all(said).await,
            Err(error) => {
                let reason = chain(&error);
                tracing::error!(target: "hookyard::release", reason, "the record of releases can't be read; what operators have said is not followed until it changes");
            }
        }
    }

    /// Stores the bans that the store didn't take before.
    pub(super) async fn retry_bans(&mut self) {
        if let Err(error) = self.journal.store_bans().await {
            let reason = chain(&error);
            tracing::debug!(target: "hookyard::release", reason, "refused content still can't be stored");
        }
    }

    async fn follow_all(&mut self, mut said: BTreeMap<PluginRef, Said>) {
        add_unstored(&mut said, self.journal.unstored());
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
        let is_wished = course
            .wish
            .as_ref()
            .is_some_and(|wish| course.active == Some(wish.revision));
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
}

/// What an earlier host has left.
struct Record {
    revisions: Vec<RevisionRecord>,
    said: BTreeMap<PluginRef, Said>,
}

impl Record {
    async fn read(releases: &dyn Releases) -> Result<Self, Error> {
        let revisions = insist(INSIST_MAX, || releases.revisions(None)).await?;
        Ok(Self {
            revisions,
            said: said(releases).await?,
        })
    }

    /// Reads it, however long that takes.
    async fn wait_for(releases: &dyn Releases) -> Self {
        loop {
            match Self::read(releases).await {
                Ok(record) => return record,
                Err(error) => {
                    let reason = chain(&error);
                    tracing::error!(target: "hookyard::release", reason, "the record of releases can't be read; no plugin is loaded until it can");
                }
            }
            tokio::time::sleep(INSIST_MAX).await;
        }
    }
}

/// What an earlier host routed. Until it can be read nothing is loaded: events would have no job.
async fn routed(inbox: &dyn Inbox) -> Routes {
    loop {
        match insist(INSIST_MAX, || inbox.routes()).await {
            Ok(routes) => return routes,
            Err(error) => {
                let reason = chain(&error);
                tracing::error!(target: "hookyard::release", reason, "the table of plugins can't be read; no plugin is loaded until it can");
            }
        }
        tokio::time::sleep(INSIST_MAX).await;
    }
}

async fn said(releases: &dyn Releases) -> Result<BTreeMap<PluginRef, Said>, Error> {
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

/// Bans that the store doesn't have yet hold as those that it has.
fn add_unstored(said: &mut BTreeMap<PluginRef, Said>, unstored: &[Ban]) {
    for ban in unstored {
        let bans = &mut said.entry(ban.plugin.clone()).or_default().bans;
        if bans.iter().all(|known| known.revision != ban.revision) {
            bans.push(ban.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use hookyard_inbox::{MemoryInbox, Stepped};
    use hookyard_model::{Revision, Timestamp};

    use super::super::journal::Journal;
    use super::*;
    use crate::system::SystemClock;

    /// A store that can be down.
    #[derive(Default)]
    struct Shaky {
        inner: MemoryInbox,
        is_down: AtomicBool,
    }

    impl Shaky {
        fn down() -> Arc<Self> {
            Arc::new(Self {
                is_down: true.into(),
                ..Self::default()
            })
        }

        fn mend(&self) {
            self.is_down.store(false, Ordering::Relaxed);
        }

        fn up(&self) -> Result<&MemoryInbox, Error> {
            match self.is_down.load(Ordering::Relaxed) {
                true => Err(Error::Busy),
                false => Ok(&self.inner),
            }
        }
    }

    #[async_trait]
    impl Releases for Shaky {
        async fn record(&self, plugin: &PluginRef, steps: &[Stepped]) -> Result<(), Error> {
            self.up()?.record(plugin, steps).await
        }

        async fn revisions(
            &self,
            plugin: Option<&PluginRef>,
        ) -> Result<Vec<RevisionRecord>, Error> {
            self.up()?.revisions(plugin).await
        }

        async fn steps(&self, plugin: &PluginRef) -> Result<Vec<Stepped>, Error> {
            self.up()?.steps(plugin).await
        }

        async fn wish(&self, wish: Wish) -> Result<(), Error> {
            self.up()?.wish(wish).await
        }

        async fn unwish(&self, plugin: &PluginRef) -> Result<bool, Error> {
            self.up()?.unwish(plugin).await
        }

        async fn wishes(&self) -> Result<Vec<Wish>, Error> {
            self.up()?.wishes().await
        }

        async fn ban(&self, ban: Ban) -> Result<(), Error> {
            self.up()?.ban(ban).await
        }

        async fn unban(&self, plugin: &PluginRef) -> Result<bool, Error> {
            self.up()?.unban(plugin).await
        }

        async fn bans(&self) -> Result<Vec<Ban>, Error> {
            self.up()?.bans().await
        }

        async fn releases_changed(&self) {
            self.inner.releases_changed().await;
        }
    }

    fn ban() -> Ban {
        let plugin = PluginRef {
            tenant: "acme".parse().expect("a name"),
            plugin: "books".parse().expect("a name"),
        };
        let (revision, since) = (Revision::from_sha256([1; 32]), Timestamp::from_unix_secs(1));
        Ban {
            plugin,
            revision,
            reason: "worse".into(),
            since,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_ban_that_could_not_be_stored_holds_and_is_stored_later() {
        let store = Shaky::down();
        let mut journal = Journal::new(
            Arc::clone(&store) as Arc<dyn Releases>,
            Arc::new(SystemClock),
        );
        journal.ban(ban()).await;
        store.mend();
        let mut found = said(&*store).await.expect("read");
        assert!(found.is_empty(), "the store knows nothing of it");
        add_unstored(&mut found, journal.unstored());
        assert_eq!(found[&ban().plugin].bans, [ban()]);
        journal.store_bans().await.expect("stored");
        assert!(journal.unstored().is_empty());
        assert_eq!(store.bans().await.expect("read"), [ban()]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_waits_for_the_record_however_long_it_takes() {
        let store = Shaky::down();
        store.inner.ban(ban()).await.expect("stored");
        let waiting = Record::wait_for(&*store);
        tokio::pin!(waiting);
        let hour = Duration::from_secs(3600);
        assert!(
            tokio::time::timeout(hour, &mut waiting).await.is_err(),
            "without it nothing is known"
        );
        store.mend();
        let record = tokio::time::timeout(hour, waiting).await.expect("read");
        assert_eq!(record.said[&ban().plugin].bans, [ban()]);
    }
}
