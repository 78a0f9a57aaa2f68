//! The buffer of effects, with its limits, its memory and its refusals.
//!
//! The buffer records each key that the guest reads, so that the commit can refuse what was
//! computed from a value that has changed since. A key that was only written is not recorded: the
//! attempt did not depend on its value. Everything that is held for a guest counts against its
//! memory limit.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use hookyard_model::{
    Effects, Key, Limit, Message, MessageId, Outcome, PluginRef, ReadVersion, Response, Versioned,
    Write,
};
use hookyard_store::{KvUsage, Values};

use super::values::WrittenValue;
use crate::call::budget::{Budget, LimitExceeded, MemoryExceeded};
use crate::terms::Terms;

/// The host's expense for an entry in addition to its texts, in bytes.
pub(super) const ENTRY_BYTES: u64 = 256;

/// Where the buffer gets stored values and new ids from.
pub(crate) struct EffectSource {
    pub(crate) values: Arc<dyn Values>,
    /// Returns a new message id at each call.
    pub(crate) message_ids: Arc<dyn Fn() -> MessageId + Send + Sync>,
}

/// The maximum number and size of effects.
pub(super) struct EffectLimits {
    pub(super) quota: KvUsage,
    pub(super) reads_max: u64,
    pub(super) writes_max: usize,
    pub(super) write_bytes_max: u64,
    pub(super) messages_max: usize,
    pub(super) response_bytes_max: usize,
    /// The maximum memory that the host holds for the attempt, in bytes.
    pub(super) held_bytes_max: u64,
}

/// The effects of one attempt.
pub(crate) struct Buffer {
    pub(super) source: EffectSource,
    pub(super) plugin: PluginRef,
    pub(super) budget: Budget,
    pub(super) limits: EffectLimits,
    pub(super) reads: u64,
    pub(super) written_bytes: u64,
    /// The values that were read, as they were stored.
    pub(super) read: BTreeMap<Key, Option<Versioned>>,
    pub(super) written: BTreeMap<Key, WrittenValue>,
    pub(super) messages: Vec<Message>,
    /// Whether a request may be answered with a response of this plugin.
    pub(super) may_respond: bool,
    pub(super) response: Option<Response>,
    /// The last keys of pages, for cursors that are numbers.
    pub(super) page_ends: Vec<String>,
    /// The limit for which the guest was refused something last.
    denial: Option<Outcome>,
}

/// The reason why the buffer refuses a guest's request.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The guest made a mistake or met a limit; one line says which. The guest may go on.
    Guest(String),
    /// The host failed, or the guest misused a handle. The attempt ends.
    End(wasmtime::Error),
}

/// The store could not be read for a guest. The attempt ends, because the guest could not do
/// anything about it.
#[derive(Debug, thiserror::Error)]
#[error("the plugin's stored values cannot be read")]
pub(crate) struct UnreadableStore(#[source] hookyard_store::Error);

impl From<hookyard_store::Error> for Refusal {
    fn from(error: hookyard_store::Error) -> Self {
        Self::End(UnreadableStore(error).into())
    }
}

impl From<wasmtime::component::ResourceTableError> for Refusal {
    fn from(error: wasmtime::component::ResourceTableError) -> Self {
        Self::End(error.into())
    }
}

impl From<LimitExceeded> for Refusal {
    fn from(exceeded: LimitExceeded) -> Self {
        Self::End(exceeded.into())
    }
}

impl Buffer {
    /// Creates an empty buffer.
    pub(crate) fn new(source: EffectSource, terms: &Terms, budget: &Budget) -> Self {
        let limits = &terms.limits;
        Self {
            source,
            plugin: terms.plugin.clone(),
            budget: budget.clone(),
            limits: EffectLimits {
                quota: limits.quota(),
                reads_max: limits.kv_reads_max,
                writes_max: limits.kv_writes_max,
                write_bytes_max: limits.kv_write_bytes_max,
                messages_max: limits.outbox_messages_max,
                response_bytes_max: limits.response_bytes_max,
                held_bytes_max: limits.memory_max,
            },
            reads: 0,
            written_bytes: 0,
            read: BTreeMap::new(),
            written: BTreeMap::new(),
            messages: Vec::new(),
            may_respond: false,
            response: None,
            page_ends: Vec::new(),
            denial: None,
        }
    }

    /// Takes the effects that an attempt with the outcome `Done` must commit.
    ///
    /// An attempt that changes nothing has at most a response to commit, so it does not matter
    /// whether the values that it read have changed since.
    pub(crate) fn take_effects(&mut self) -> Effects {
        let response = self.response.take();
        if self.written.is_empty() && self.messages.is_empty() {
            return Effects {
                response,
                ..Effects::default()
            };
        }

        let reads = mem::take(&mut self.read).into_iter();
        let reads = reads.map(|(key, found)| ReadVersion {
            key,
            version: found.map(|found| found.version),
        });
        let writes = mem::take(&mut self.written).into_iter();
        let writes = writes.map(|(key, written)| Write {
            key,
            value: written.value,
        });
        Effects {
            reads: reads.collect(),
            writes: writes.collect(),
            messages: mem::take(&mut self.messages),
            response,
            ..Effects::default()
        }
    }

    /// Returns the outcome of a guest that failed after it was refused something here.
    pub(crate) fn denial(&self) -> Option<Outcome> {
        let denial = self.denial.clone();
        denial.or_else(|| self.budget.refused_hold().map(Outcome::from))
    }

    /// Refuses something because of a limit, and remembers the limit.
    pub(super) fn refuse(&mut self, limit: Limit, max: u64, reason: String) -> Refusal {
        self.denial = Some(LimitExceeded { limit, max }.into());
        Refusal::Guest(reason)
    }

    /// Refuses something because it would take too much memory, and remembers that.
    pub(super) fn refuse_memory(&mut self, reason: String) -> Refusal {
        self.denial = Some(Outcome::OutOfMemory {
            max: self.limits.held_bytes_max,
        });
        Refusal::Guest(reason)
    }

    /// Reserves memory that the host holds until the attempt ends.
    pub(super) fn hold(&mut self, bytes: u64) -> Result<(), Refusal> {
        let held = self.budget.hold(bytes);
        held.map_err(|MemoryExceeded { max }| {
            self.refuse_memory(format!(
                "what one run reads, writes and sends may take {max} bytes in all"
            ))
        })
    }
}
