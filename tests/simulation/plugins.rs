//! Plugins that do what the dice say: each counts events in its store, and some revisions fail at nearly all of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_dispatch::{Active, Measures, Probation, Ran, Runner, Unrun};
use hookyard_model::{
    Attempt, Effects, Key, Message, MessageId, Outcome, PluginRef, ReadVersion, Revision,
    TimeLimit, Versioned, Write,
};
use hookyard_store::{ClaimedJob, KvUsage, OutboxQuota, Values};
use tokio::sync::Notify;
use tokio::time::sleep;
use uuid::Uuid;

use crate::dice::Dice;
use crate::watched::World;

/// Revisions from here on trap at most of what they are given.
const BAD: u8 = 100;

/// All plugins of all tenants.
pub(crate) struct Plugins {
    world: Arc<World>,
    loaded: Mutex<BTreeMap<PluginRef, Plugin>>,
    changed: Notify,
}

#[derive(Clone, Copy)]
struct Plugin {
    revision: Revision,
    concurrency: usize,
    quota: KvUsage,
    outbox: OutboxQuota,
    running: usize,
    /// The one before, while the active one is watched.
    before: Option<Revision>,
    /// Whether the active one is to be taken back.
    has_failed: bool,
    /// The last one that was.
    taken_back: Option<Revision>,
}

impl Plugins {
    pub(crate) fn new(world: Arc<World>, names: &[PluginRef]) -> Self {
        let dice = &world.dice;
        let plugin = |name: &PluginRef| {
            let keys = if dice.percent(20) {
                1 + dice.below(4)
            } else {
                1_000
            };
            let quota = KvUsage {
                keys,
                bytes: 1 << 20,
            };
            let concurrency = 1 + dice.below(3) as usize;
            let (revision, before, taken_back) = (good(dice), None, None);
            (
                name.clone(),
                Plugin {
                    revision,
                    concurrency,
                    quota,
                    outbox: OutboxQuota::default(),
                    running: 0,
                    before,
                    has_failed: false,
                    taken_back,
                },
            )
        };
        let loaded = Mutex::new(names.iter().map(plugin).collect());
        Self {
            world,
            loaded,
            changed: Notify::new(),
        }
    }

    /// Puts another revision in the place of the active one, and watches it where that is said.
    pub(crate) fn swap(&self, plugin: &PluginRef, is_bad: bool, is_watched: bool) {
        let dice = &self.world.dice;
        let revision = if is_bad {
            revision(BAD + dice.below(100) as u8)
        } else {
            good(dice)
        };
        if let Some(loaded) = self
            .loaded()
            .get_mut(plugin)
            .filter(|loaded| loaded.revision != revision)
        {
            loaded.before = is_watched.then_some(loaded.revision);
            loaded.has_failed = false;
            loaded.revision = revision;
            loaded.taken_back.take_if(|back| *back == revision);
        }
        self.changed.notify_one();
    }

    /// Brings the revision before the watched one back, whether it has failed or only an operator says so.
    pub(crate) fn take_back(&self, plugin: &PluginRef) -> Option<Revision> {
        let mut loaded = self.loaded();
        let loaded = loaded.get_mut(plugin)?;
        let before = loaded.before.take()?;
        loaded.taken_back = Some(loaded.revision);
        loaded.has_failed = false;
        loaded.revision = before;
        self.changed.notify_one();
        loaded.taken_back
    }

    /// Those that are to be taken back.
    pub(crate) fn failed(&self) -> Vec<PluginRef> {
        self.loaded()
            .iter()
            .filter(|(_, loaded)| loaded.has_failed)
            .map(|(plugin, _)| plugin.clone())
            .collect()
    }

    /// What was taken back and doesn't serve.
    pub(crate) fn taken_back(&self) -> Vec<(PluginRef, Revision)> {
        self.loaded()
            .iter()
            .filter_map(|(plugin, loaded)| Some((plugin.clone(), loaded.taken_back?)))
            .collect()
    }

    /// What a plugin's store may hold.
    pub(crate) fn quotas(&self) -> BTreeMap<PluginRef, KvUsage> {
        self.loaded()
            .iter()
            .map(|(name, plugin)| (name.clone(), plugin.quota))
            .collect()
    }

    fn loaded(&self) -> MutexGuard<'_, BTreeMap<PluginRef, Plugin>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` when it runs as many at once as it may.
    fn enter(&self, name: &PluginRef) -> Option<Plugin> {
        let mut loaded = self.loaded();
        let plugin = loaded
            .get_mut(name)
            .expect("only what is active is claimed");
        plugin.running += 1;
        (plugin.running <= plugin.concurrency).then_some(*plugin)
    }

    /// What the plugin asks for when it handles this job: one more in all, one more of this event, and a message.
    async fn effects(&self, job: &ClaimedJob) -> Effects {
        let mut effects = Effects::default();
        for key in ["total".to_owned(), job.lease.event.to_string()] {
            let key = Key {
                bucket: "counts".into(),
                key,
            };
            let found = self
                .world
                .inner
                .value(&job.lease.plugin, &key)
                .await
                .expect("the store in memory");
            let count = found.as_ref().map_or(0, count) + 1;
            effects.reads.push(ReadVersion {
                key: key.clone(),
                version: found.map(|found| found.version),
            });
            effects.writes.push(Write {
                key,
                value: Some(Bytes::from(count.to_string())),
            });
        }
        effects.messages.push(Message {
            id: MessageId::from_uuid(Uuid::from_u64_pair(self.world.next_number(), 0)),
            destination: "partner".parse().expect("a name"),
            event_type: None,
            body: job.event.body.clone(),
            ordering_key: None,
        });
        effects
    }
}

/// The number in a value that one of these plugins wrote.
pub(crate) fn count(value: &Versioned) -> u64 {
    std::str::from_utf8(&value.value)
        .ok()
        .and_then(|text| text.parse().ok())
        .expect("plugins write numbers")
}

fn good(dice: &Dice) -> Revision {
    revision(dice.below(BAD.into()) as u8)
}

fn revision(number: u8) -> Revision {
    Revision::from_sha256([number; 32])
}

fn is_bad(revision: Revision) -> bool {
    (BAD..=u8::MAX).any(|number| self::revision(number) == revision)
}

/// Counts an attempt out again, also when it is cut off.
struct Running<'p>(&'p Plugins, PluginRef);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(plugin) = self.0.loaded().get_mut(&self.1) {
            plugin.running -= 1;
        }
    }
}

#[async_trait]
impl Runner for Plugins {
    fn active(&self) -> Vec<Active> {
        let active = |(plugin, loaded): (&PluginRef, &Plugin)| Active {
            plugin: plugin.clone(),
            revision: loaded.revision,
            concurrency: loaded.concurrency,
        };
        self.loaded().iter().map(active).collect()
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    async fn run(&self, job: &ClaimedJob) -> Result<Ran, Unrun> {
        let dice = &self.world.dice;
        if dice.percent(2) {
            return Err(Unrun::Absent);
        }
        if dice.percent(2) {
            return Err(Unrun::HostFault("no memory".into()));
        }
        let name = job.lease.plugin.clone();
        let Some(plugin) = self.enter(&name) else {
            return self
                .world
                .break_off(format!("{name} runs more at once than it may"))
                .await;
        };
        let _running = Running(self, name);
        let revision = job.revision.unwrap_or(plugin.revision);
        let effects = self.effects(job).await;
        let duration = if dice.percent(10) {
            dice.millis(150_000)
        } else {
            dice.millis(400)
        };
        sleep(duration).await;
        let outcome = outcome(dice, revision);
        let measures = Measures::default();
        Ok(Ran {
            revision,
            duration,
            outcome,
            log: Vec::new(),
            effects,
            quota: plugin.quota,
            outbox: plugin.outbox,
            measures,
        })
    }
}

impl Probation for Plugins {
    fn note(&self, job: &ClaimedJob, attempt: &Attempt) -> bool {
        let loaded = self.loaded();
        let loaded = &loaded[&job.lease.plugin];
        match loaded.revision == attempt.revision {
            true => loaded.before.is_some(),
            false => loaded.taken_back == Some(attempt.revision),
        }
    }

    fn is_taken_back(&self, plugin: &PluginRef, revision: Revision) -> bool {
        self.loaded()[plugin].taken_back == Some(revision)
    }

    fn take_back(&self, plugin: &PluginRef, revision: Revision, _: &str) -> bool {
        let mut loaded = self.loaded();
        let watched = loaded
            .get_mut(plugin)
            .filter(|loaded| loaded.revision == revision && loaded.before.is_some());
        watched.map(|loaded| loaded.has_failed = true).is_some()
    }
}

fn outcome(dice: &Dice, revision: Revision) -> Outcome {
    if is_bad(revision) && dice.percent(90) {
        return Outcome::Trapped {
            message: "unreachable".into(),
        };
    }
    match dice.below(20) {
        0 => Outcome::Rejected {
            reason: "never".into(),
        },
        1 => Outcome::Trapped {
            message: "unreachable".into(),
        },
        2 => Outcome::TimedOut {
            limit: TimeLimit::Cpu,
            max: Duration::from_secs(1),
        },
        3 => Outcome::Undecodable {
            path: "$.a".into(),
            message: "a number".into(),
        },
        4 => Outcome::Retry {
            reason: "later".into(),
            after: Some(dice.millis(90_000)),
        },
        5 => Outcome::Retry {
            reason: "later".into(),
            after: None,
        },
        _ => Outcome::Done,
    }
}
