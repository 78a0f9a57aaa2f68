//! Outbox messages that an attempt will send.

use hookyard_model::{Limit, Message, MessageId};

use super::buffer::{Buffer, ENTRY_BYTES, Refusal};

/// The maximum length of an ordering key, in bytes.
const ORDERING_KEY_BYTES_MAX: usize = 256;

impl Buffer {
    /// Returns an id for a new message.
    pub(crate) fn new_message_id(&self) -> MessageId {
        (self.source.message_ids)()
    }

    /// Adds a message.
    ///
    /// # Errors
    ///
    /// Refuses a message whose ordering key is too long, or that exceeds a limit of the attempt.
    pub(crate) fn add_message(&mut self, message: Message) -> Result<(), Refusal> {
        let key_bytes = message.ordering_key.as_ref().map_or(0, String::len);
        if key_bytes > ORDERING_KEY_BYTES_MAX {
            return Err(Refusal::Guest(format!(
                "an ordering key may have {ORDERING_KEY_BYTES_MAX} bytes"
            )));
        }

        let messages_max = self.limits.messages_max;
        if self.messages.len() >= messages_max {
            let reason = format!("one run may send {messages_max} messages");
            return Err(self.refuse(Limit::OutboxMessages, messages_max as u64, reason));
        }

        self.budget.count_bytes(message.body.len())?;
        self.hold(ENTRY_BYTES + message.body.len() as u64)?;
        self.messages.push(message);
        Ok(())
    }
}
