//! Finds the idempotency key and the type of a verified event.

use super::described::{Described, event};
use super::key::Key;
use super::{Description, Direction, Provider};
use crate::{JsonPointer, Refusal, Request, Verified};

impl Provider {
    /// Returns the key and the type of a verified event.
    ///
    /// The host does not refuse a verified request because its body differs from what the provider
    /// promises: the event then has no type, and if the key cannot be read, the key is a digest of
    /// the body.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`] if the key is missing, or if the event is one that the host sends and
    /// never receives.
    pub fn describe(
        &self,
        verified: &Verified,
        request: &Request<'_>,
    ) -> Result<Description, Refusal> {
        let event = event(verified, request.body);
        let described = Described::new(verified, *request, &event, self.pointers());

        let event_type = self.event_type.read(&described);
        if let Some(event_type) = &event_type {
            self.refuse_outgoing(event_type)?;
        }
        Ok(match self.key.read(&described)? {
            Key::Text(key) => Description {
                key: Some(key),
                event_type,
            },
            // The body is not what the provider promises, so neither is what it says of its type.
            Key::Digest(key) => Description {
                key: Some(key),
                event_type: None,
            },
            Key::None => Description {
                key: None,
                event_type,
            },
        })
    }

    /// Returns every location in the payload that a rule names.
    fn pointers(&self) -> impl Iterator<Item = &JsonPointer> {
        self.event_type.pointers().chain(self.key.pointers())
    }

    fn refuse_outgoing(&self, event_type: &str) -> Result<(), Refusal> {
        match self.events.get(event_type) {
            Some(case) if case.direction == Direction::Outgoing => Err(Refusal::NotIncoming {
                event_type: event_type.to_owned(),
            }),
            _ => Ok(()),
        }
    }
}
