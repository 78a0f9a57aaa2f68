//! Takes up what an earlier host has left, and what operators say while this one runs.
//!
//! Both are the same: the store is read, and each plugin's course is brought to where it leads.

use std::collections::BTreeMap;
use std::time::Duration;

use hookyard_model::{PluginRef, Step};
use hookyard_store::{Block, Error, Inbox, Order, Releases, RevisionRecord, Routes};
use hookyard_work::insist;

use super::course::Course;
use super::run::Keeper;
use hookyard_model::chain;

/// How long a store that fails is asked again, before that is said.
const INSIST_MAX: Duration = Duration::from_secs(5);

/// What operators want of one plugin.
#[derive(Default)]
struct Said {
    order: Option<Order>,
    blocks: Vec<Block>,
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

    /// Stores the blocks that the store didn't take before.
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
        for (plugin, Said { order, blocks }) in said {
            let course = self.courses.entry(plugin.clone()).or_default();
            if course.order == order && course.blocks == blocks {
                continue;
            }
            (course.order, course.blocks) = (order, blocks);
            let course = course.clone();
            self.follow(&plugin, &course).await;
        }
    }

    async fn follow(&mut self, plugin: &PluginRef, course: &Course) {
        let is_ordered = course
            .order
            .as_ref()
            .is_some_and(|order| course.active == Some(order.revision));
        if is_ordered {
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
    let orders = insist(INSIST_MAX, || releases.orders()).await?;
    let blocks = insist(INSIST_MAX, || releases.blocks()).await?;
    let mut said = BTreeMap::<PluginRef, Said>::new();
    for order in orders {
        let plugin = order.plugin.clone();
        said.entry(plugin).or_default().order = Some(order);
    }
    for block in blocks {
        said.entry(block.plugin.clone())
            .or_default()
            .blocks
            .push(block);
    }
    Ok(said)
}

/// Blocks that the store doesn't have yet hold as those that it has.
fn add_unstored(said: &mut BTreeMap<PluginRef, Said>, unstored: &[Block]) {
    for block in unstored {
        let blocks = &mut said.entry(block.plugin.clone()).or_default().blocks;
        if blocks.iter().all(|known| known.revision != block.revision) {
            blocks.push(block.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use hookyard_model::{Clock, Revision, Timestamp};
    use hookyard_store::ReleaseStep;
    use hookyard_store_testing::MemoryStore;

    use super::super::journal::Journal;
    use super::*;

    struct FixedClock;

    impl Clock for FixedClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_millis(0)
        }
    }

    /// A store that can be down.
    #[derive(Default)]
    struct Shaky {
        inner: MemoryStore,
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

        fn up(&self) -> Result<&MemoryStore, Error> {
            match self.is_down.load(Ordering::Relaxed) {
                true => Err(Error::Busy),
                false => Ok(&self.inner),
            }
        }
    }

    #[async_trait]
    impl Releases for Shaky {
        async fn record(&self, plugin: &PluginRef, steps: &[ReleaseStep]) -> Result<(), Error> {
            self.up()?.record(plugin, steps).await
        }

        async fn revisions(
            &self,
            plugin: Option<&PluginRef>,
        ) -> Result<Vec<RevisionRecord>, Error> {
            self.up()?.revisions(plugin).await
        }

        async fn steps(&self, plugin: &PluginRef) -> Result<Vec<ReleaseStep>, Error> {
            self.up()?.steps(plugin).await
        }

        async fn order(&self, order: Order) -> Result<(), Error> {
            self.up()?.order(order).await
        }

        async fn withdraw_order(&self, plugin: &PluginRef) -> Result<bool, Error> {
            self.up()?.withdraw_order(plugin).await
        }

        async fn orders(&self) -> Result<Vec<Order>, Error> {
            self.up()?.orders().await
        }

        async fn block(&self, block: Block) -> Result<(), Error> {
            self.up()?.block(block).await
        }

        async fn unblock(&self, plugin: &PluginRef) -> Result<bool, Error> {
            self.up()?.unblock(plugin).await
        }

        async fn blocks(&self) -> Result<Vec<Block>, Error> {
            self.up()?.blocks().await
        }

        async fn releases_changed(&self) {
            self.inner.releases_changed().await;
        }
    }

    fn block() -> Block {
        let plugin = PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "books".parse().expect("a name"),
        };
        let (revision, since) = (Revision::from_sha256([1; 32]), Timestamp::from_unix_secs(1));
        Block {
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
            Arc::new(FixedClock),
        );
        journal.block(block()).await;
        store.mend();
        let mut found = said(&*store).await.expect("read");
        assert!(found.is_empty(), "the store knows nothing of it");
        add_unstored(&mut found, journal.unstored());
        assert_eq!(found[&block().plugin].blocks, [block()]);
        journal.store_bans().await.expect("stored");
        assert!(journal.unstored().is_empty());
        assert_eq!(store.blocks().await.expect("read"), [block()]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_waits_for_the_record_however_long_it_takes() {
        let store = Shaky::down();
        store.inner.block(block()).await.expect("stored");
        let waiting = Record::wait_for(&*store);
        tokio::pin!(waiting);
        let hour = Duration::from_secs(3600);
        assert!(
            tokio::time::timeout(hour, &mut waiting).await.is_err(),
            "without it nothing is known"
        );
        store.mend();
        let record = tokio::time::timeout(hour, waiting).await.expect("read");
        assert_eq!(record.said[&block().plugin].blocks, [block()]);
    }
}
