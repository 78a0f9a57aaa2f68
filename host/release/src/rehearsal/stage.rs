//! The surroundings of a rehearsed attempt: read-only values, recorded or refused responses to
//! requests, and fixed ids.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_model::{Event, Key, MessageId, PluginRef, Timestamp, Versioned};
use hookyard_plugin::{HostFault, HostServices, LoadedPlugin, RehearsalResult, Stage};
use hookyard_store::{ClaimedJob, Error, JobLease, KvUsage, LeaseToken, Values};
use uuid::Uuid;

use super::answering::{Answers, Exchange, RecordedClient};

/// One event, and the surroundings of every attempt with the event.
pub(super) struct Scene {
    pub(super) event: Arc<Event>,
    pub(super) values: Arc<dyn Values>,
    pub(super) answers: Answers,
    /// The settings that the plugin reads. `None` for the settings that it was loaded with.
    pub(super) config: Option<Arc<BTreeMap<String, String>>>,
    /// The number of the attempt.
    pub(super) attempt: u32,
    /// The time that the plugin's clock shows. `None` for the time at which the event arrived.
    pub(super) now: Option<Timestamp>,
}

/// The result of a rehearsed attempt.
pub(super) struct StagedAttempt {
    pub(super) result: RehearsalResult,
    /// Whether a request was refused that an active revision would have sent.
    pub(super) lacked_answer: bool,
    /// The granted requests, in order.
    pub(super) exchanges: Vec<Exchange>,
}

impl Scene {
    /// Runs an attempt without committing anything.
    pub(super) async fn run_attempt(
        &self,
        loaded: &Arc<LoadedPlugin>,
    ) -> Result<StagedAttempt, HostFault> {
        let Self {
            event,
            values,
            answers,
            ..
        } = self;
        let http = Arc::new(RecordedClient::new(answers.clone()));
        let lease = JobLease {
            event: event.id,
            plugin: loaded.plugin().clone(),
            replays: 0,
            attempt: self.attempt,
            token: LeaseToken::from_u128(0),
        };

        let at = event.received_at;
        let job = ClaimedJob {
            lease,
            event: Arc::clone(event),
            since: at,
            due: at,
            revision: None,
            spared: 0,
        };

        let services = HostServices {
            values: Arc::clone(values),
            message_ids: message_ids(event),
            // A rehearsal shows every response.
            asks_response: Arc::new(|_, _| true),
            http: http.clone(),
            stage: Some(self.stage()),
        };

        let result = loaded.rehearse(job, services).await?;
        Ok(StagedAttempt {
            result,
            lacked_answer: http.lacked_answer(),
            exchanges: http.exchanges(),
        })
    }

    fn stage(&self) -> Stage {
        let mut stage = Stage::of(&self.event);
        if let Some(now) = self.now {
            stage = stage.at(now);
        }
        if let Some(config) = &self.config {
            stage = stage.with_config(Arc::clone(config));
        }
        stage
    }
}

/// Ids that depend only on the event.
fn message_ids(event: &Event) -> Arc<dyn Fn() -> MessageId + Send + Sync> {
    let (seed, count) = (event.id.as_uuid().as_u128(), AtomicU64::new(1));
    Arc::new(move || {
        let number = u128::from(count.fetch_add(1, Ordering::Relaxed));
        MessageId::from_uuid(Uuid::from_u128(seed.wrapping_add(number)))
    })
}

/// The values of a fixture.
pub(super) struct FixtureValues(pub(super) BTreeMap<Key, Bytes>);

#[async_trait]
impl Values for FixtureValues {
    async fn value(&self, _: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error> {
        Ok(self.0.get(key).map(|value| Versioned {
            version: 1,
            value: value.clone(),
        }))
    }

    async fn keys(
        &self,
        _: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<String>, Error> {
        let of_bucket = self
            .0
            .keys()
            .filter(|key| key.bucket == bucket && after.is_none_or(|after| *key.key > *after));

        Ok(of_bucket.take(max).map(|key| key.key.clone()).collect())
    }

    async fn usage(&self, _: &PluginRef) -> Result<KvUsage, Error> {
        let each = self
            .0
            .iter()
            .map(|(key, value)| KvUsage::of(key, value.len()));
        Ok(each.fold(KvUsage::default(), KvUsage::plus))
    }
}

/// Committed values, as they were when the first attempt of the scene read them. All attempts of a
/// scene read the same values.
pub(super) struct ValueSnapshot {
    values: Arc<dyn Values>,
    seen: Mutex<ReadValues>,
}

/// The values and keys that the attempts of a scene have read.
#[derive(Default)]
struct ReadValues {
    values: BTreeMap<Key, Option<Versioned>>,
    /// The pages of keys by bucket, position and number.
    keys: BTreeMap<(String, Option<String>, usize), Vec<String>>,
}

impl ReadValues {
    /// Returns the keys of all pages.
    fn listed(&self) -> Vec<Key> {
        let of_page = |((bucket, ..), keys): (&(String, _, _), &Vec<String>)| {
            let bucket = bucket.clone();
            let key = move |key: &String| Key {
                bucket: bucket.clone(),
                key: key.clone(),
            };
            keys.iter().map(key).collect::<Vec<_>>()
        };
        self.keys.iter().flat_map(of_page).collect()
    }
}

impl ValueSnapshot {
    pub(super) fn new(values: Arc<dyn Values>) -> Self {
        Self {
            values,
            seen: Mutex::default(),
        }
    }

    /// Returns the values of all keys that were read or listed.
    pub(super) async fn read_values(
        &self,
        plugin: &PluginRef,
    ) -> Result<BTreeMap<Key, Bytes>, Error> {
        let listed: Vec<Key> = self.seen().listed();
        for key in listed {
            self.value(plugin, &key).await?;
        }

        let seen = self.seen();
        let present = seen
            .values
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_ref()?.value.clone())));
        Ok(present.collect())
    }

    fn seen(&self) -> MutexGuard<'_, ReadValues> {
        // No code panics while it holds the lock, so a poisoned lock is still consistent.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Values for ValueSnapshot {
    async fn value(&self, plugin: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error> {
        if let Some(seen) = self.seen().values.get(key) {
            return Ok(seen.clone());
        }

        let value = self.values.value(plugin, key).await?;
        Ok(self
            .seen()
            .values
            .entry(key.clone())
            .or_insert(value)
            .clone())
    }

    async fn keys(
        &self,
        plugin: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let page = (bucket.to_owned(), after.map(str::to_owned), limit);
        if let Some(seen) = self.seen().keys.get(&page) {
            return Ok(seen.clone());
        }

        let keys = self.values.keys(plugin, bucket, after, limit).await?;
        Ok(self.seen().keys.entry(page).or_insert(keys).clone())
    }

    async fn usage(&self, plugin: &PluginRef) -> Result<KvUsage, Error> {
        self.values.usage(plugin).await
    }
}
