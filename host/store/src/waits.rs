//! The waits: requests that are answered only once the jobs of their events have ended.
//!
//! Ingress begins a wait before it appends the event, so that no end is missed, and reads what
//! dispatch reports once a settlement is durable. Nothing depends on a wait: the event is stored
//! and handled in any case, and a request whose wait ends without a result is answered without it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookyard_model::{Event, EventId, PluginName, PluginRef, Response, TenantName};
use tokio::sync::Notify;

/// All requests that wait, bounded in number. A wait holds at most one response.
#[derive(Debug)]
pub struct Waits {
    waits_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<EventId, Waiting>,
    is_closed: bool,
}

/// A request that waits for the jobs of one event.
#[derive(Debug)]
struct Waiting {
    tenant: TenantName,
    wanted: Wanted,
    /// The plugin whose response counts, once a plugin has given one.
    responder: Option<PluginName>,
    ends: BTreeMap<PluginName, JobEnd>,
    changed: Arc<Notify>,
}

/// What a request waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The outcomes of all jobs of the event.
    Outcomes,
    /// A response: of the named plugin, or the first response of any plugin.
    Response {
        /// The plugin whose response counts.
        of: Option<PluginName>,
    },
}

/// How the first attempt of a job ended, as far as a request waits for the attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// The job is done. Holds the response of the attempt if the response counts.
    Done(Option<Response>),
    /// The attempt failed, and the job waits for another one.
    Retried,
    /// The job is dead.
    Dead,
    /// The job does not run for now: it is held, or no attempt could be made or settled.
    NotRun,
}

/// The reason why no wait begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoWait {
    /// As many requests wait as may wait.
    Full,
    /// The host stops.
    Closed,
}

/// The reason why the response of an attempt does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uncounted {
    /// No request waits for the response any more.
    Late,
    /// The response of another plugin counts.
    Second,
}

impl Uncounted {
    /// Returns the name of the reason, for the log and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Second => "second",
        }
    }
}

/// What is known of the jobs of a waiting request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reports {
    /// The jobs that have ended, by plugin.
    pub ends: BTreeMap<PluginName, JobEnd>,
    /// Whether the host stops, so that nothing may wait any more.
    pub is_closed: bool,
}

/// The wait of one request. Dropping it ends the wait.
#[derive(Debug)]
pub struct Wait {
    waits: Arc<Waits>,
    event: EventId,
    changed: Arc<Notify>,
}

impl Waits {
    /// Returns waits for at most `waits_max` requests at once.
    pub fn new(waits_max: usize) -> Self {
        Self {
            waits_max,
            state: Mutex::default(),
        }
    }

    /// Begins a wait for the jobs of an event. Must be called before the event is appended.
    ///
    /// # Errors
    ///
    /// Fails if too many requests wait, or if the host stops.
    pub fn begin(self: &Arc<Self>, event: &Event, wanted: Wanted) -> Result<Wait, NoWait> {
        let mut state = self.state();
        if state.is_closed {
            return Err(NoWait::Closed);
        }
        if state.waiting.len() >= self.waits_max {
            return Err(NoWait::Full);
        }

        let changed = Arc::new(Notify::new());
        let waiting = Waiting {
            tenant: event.source.tenant.clone(),
            wanted,
            responder: None,
            ends: BTreeMap::new(),
            changed: Arc::clone(&changed),
        };
        state.waiting.insert(event.id, waiting);
        Ok(Wait {
            waits: Arc::clone(self),
            event: event.id,
            changed,
        })
    }

    /// Lets the response of a plugin count for an event. Must be called before the attempt is
    /// settled, so that a response which does not count is not stored. A further call for the same
    /// plugin succeeds too, because an attempt may run again after a conflict.
    ///
    /// # Errors
    ///
    /// Fails if no request waits for this response.
    pub fn let_count(&self, event: EventId, plugin: &PluginName) -> Result<(), Uncounted> {
        let mut state = self.state();
        let waiting = state.waiting.get_mut(&event).ok_or(Uncounted::Late)?;
        let Wanted::Response { of } = &waiting.wanted else {
            return Err(Uncounted::Late);
        };
        if of.as_ref().is_some_and(|named| named != plugin) {
            return Err(Uncounted::Second);
        }

        let responder = waiting.responder.get_or_insert_with(|| plugin.clone());
        if responder == plugin {
            Ok(())
        } else {
            Err(Uncounted::Second)
        }
    }

    /// Reports how an attempt ended, once its settlement is durable, and wakes the request.
    pub fn report(&self, event: EventId, plugin: &PluginName, end: JobEnd) {
        if let Some(waiting) = self.state().waiting.get_mut(&event) {
            waiting.end(plugin, end);
        }
    }

    /// Reports that the jobs of a plugin do not run for now, for example because the plugin is
    /// quarantined.
    pub fn report_held(&self, plugin: &PluginRef) {
        let mut state = self.state();
        for waiting in state.waiting.values_mut() {
            let is_ended = waiting.ends.contains_key(&plugin.name);
            if waiting.tenant == plugin.tenant && !is_ended {
                waiting.end(&plugin.name, JobEnd::NotRun);
            }
        }
    }

    /// Ends all waits, and lets no further one begin.
    pub fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        for waiting in state.waiting.values() {
            waiting.changed.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn end(&mut self, plugin: &PluginName, end: JobEnd) {
        self.ends.insert(plugin.clone(), end);
        self.changed.notify_one();
    }
}

impl Wait {
    /// Returns what is known of the jobs.
    pub fn reports(&self) -> Reports {
        let state = self.waits.state();
        let waiting = state.waiting.get(&self.event);
        Reports {
            ends: waiting.map_or_else(BTreeMap::new, |waiting| waiting.ends.clone()),
            is_closed: state.is_closed,
        }
    }

    /// Waits until [`Wait::reports`] may return something else than at its last call. May return
    /// early. Dropping the future loses nothing.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waits.state().waiting.remove(&self.event);
    }
}

#[cfg(test)]
mod tests;
