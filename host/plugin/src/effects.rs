//! What a handler asks the host to change, and how it asks: `wasi:keyvalue` and `hookyard:plugin/outbox`.
//!
//! Nothing of it happens during the call. `buffer` collects it and shows the guest its own writes; the dispatcher commits
//! it together with the outcome, or drops it (invariant 6).

mod buffer;

mod atomics;
mod keyvalue;
mod outbox;

use std::sync::Arc;

use hookyard_model::MessageId;
use hookyard_store::{EmptyStore, Values};
use uuid::Uuid;
use wasmtime::component::Linker;

pub(crate) use buffer::{Buffer, Denied, Unreadable};
pub(crate) use keyvalue::VERSIONS as KEYVALUE_VERSIONS;

use crate::call::State;
use crate::{Http, NoHttp, Stage};

/// What attempts are made with. Each attempt may have its own.
#[derive(Clone)]
pub struct Parts {
    /// Where plugins' values are read: an inbox, in service.
    pub values: Arc<dyn Values>,
    /// A new id for an outbox message at each call.
    pub message_ids: Arc<dyn Fn() -> MessageId + Send + Sync>,
    /// Who makes plugins' requests.
    pub http: Arc<dyn Http>,
    /// What time and chance are to a guest; the real ones where `None`.
    pub stage: Option<Stage>,
}

impl Parts {
    /// Those of a guest that is only started: there is nothing, and nothing comes of what it asks for.
    pub(crate) fn nothing() -> Self {
        Self {
            values: Arc::new(EmptyStore),
            message_ids: Arc::new(|| MessageId::from_uuid(Uuid::nil())),
            http: Arc::new(NoHttp),
            stage: None,
        }
    }
}

/// Offers all of it.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    keyvalue::add_to_linker(linker)?;
    outbox::add_to_linker(linker)
}
