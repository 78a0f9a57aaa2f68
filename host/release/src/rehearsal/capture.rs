//! Runs a stored event once more, to find out what a fixture of the event must contain: the values
//! that the plugin reads, and the responses that its requests get.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hookyard_model::{Event, EventId, Key, Timestamp, chain};
use hookyard_plugin::RehearsalResult;

use super::answering::Answers;
use super::stage::{Scene, ValueSnapshot};
use super::{Material, Rehearsal};

pub use super::answering::Exchange;

/// A stored event, and everything that its attempt used.
#[derive(Debug)]
pub struct Captured {
    /// The event.
    pub event: Arc<Event>,
    /// The result of the attempt, with the values and recorded responses of now.
    pub result: RehearsalResult,
    /// The values that the plugin read.
    pub values: BTreeMap<Key, Bytes>,
    /// The requests that the plugin made, in order.
    pub exchanges: Vec<Exchange>,
}

/// The attempt to run once more.
#[derive(Debug, Clone, Copy)]
pub struct Original {
    /// The event of the attempt.
    pub event: EventId,
    /// The number of the attempt.
    pub attempt: u32,
    /// The time at which the attempt began.
    pub started_at: Timestamp,
}

impl Rehearsal {
    /// Runs an attempt once more. Returns `None` if the event is no longer stored.
    ///
    /// # Errors
    ///
    /// Returns the reason if the store cannot be read, or if the host fails.
    pub async fn capture(
        &self,
        material: &Material,
        original: Original,
    ) -> Result<Option<Captured>, String> {
        let plugin = self.candidate.plugin();
        let recent = &material.recent;
        let unreadable = |error| chain(&error);

        let Some(event) = recent.event(original.event).await.map_err(unreadable)? else {
            return Ok(None);
        };
        let answers = recent.answers(original.event, plugin).await;
        let values = Arc::new(ValueSnapshot::new(Arc::clone(&material.values)));
        let scene = Scene {
            event: Arc::clone(&event),
            values: values.clone(),
            answers: Answers::Recorded(answers.map_err(unreadable)?),
            config: None,
            attempt: original.attempt,
            now: Some(original.started_at),
        };

        let attempt = scene.run_attempt(&self.candidate).await;
        let attempt = attempt.map_err(|fault| fault.to_string())?;
        Ok(Some(Captured {
            event,
            result: attempt.result,
            values: values.read_values(plugin).await.map_err(unreadable)?,
            exchanges: attempt.exchanges,
        }))
    }
}
