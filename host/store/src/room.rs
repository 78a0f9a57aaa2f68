//! How much waits in the outbox, and whether there is room for what an attempt asks to have sent.

use hookyard_model::{Limit, Message};

use crate::Error;

/// Messages that are to be sent still.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsent {
    /// How many.
    pub messages: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
}

/// How much may wait in the outbox; without end by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxQuota {
    /// Of the plugin.
    pub plugin: Unsent,
    /// Of all plugins of its tenant.
    pub tenant: Unsent,
}

impl Default for OutboxQuota {
    fn default() -> Self {
        Self {
            plugin: Unsent::ENDLESS,
            tenant: Unsent::ENDLESS,
        }
    }
}

impl Unsent {
    const ENDLESS: Self = Self {
        messages: u64::MAX,
        bytes: u64::MAX,
    };

    /// What these messages take.
    pub fn of<'m>(messages: impl IntoIterator<Item = &'m Message>) -> Self {
        let each = messages.into_iter().map(|message| Self {
            messages: 1,
            bytes: message.body.len() as u64,
        });
        each.fold(Self::default(), Self::plus)
    }

    /// With this much more.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            messages: self.messages.saturating_add(more.messages),
            bytes: self.bytes.saturating_add(more.bytes),
        }
    }
}

impl OutboxQuota {
    /// What keeps `more` from being added to what waits of the plugin and of its tenant, if anything does. Where nothing
    /// waits there is room for whatever one attempt may ask for, so that none waits for ever.
    pub fn exceeded(&self, plugin: Unsent, tenant: Unsent, more: Unsent) -> Option<Error> {
        let of_plugin = (
            plugin,
            self.plugin,
            [Limit::OutboxWaiting, Limit::OutboxWaitingBytes],
        );
        let of_tenant = (
            tenant,
            self.tenant,
            [Limit::OutboxTenantWaiting, Limit::OutboxTenantWaitingBytes],
        );
        [of_plugin, of_tenant]
            .into_iter()
            .find_map(|(waiting, max, [messages, bytes])| {
                let next = waiting.plus(more);
                match (waiting.messages, more.messages) {
                    (0, _) | (_, 0) => None,
                    _ if next.messages > max.messages => Some(Error::OverQuota {
                        limit: messages,
                        max: max.messages,
                    }),
                    _ => (next.bytes > max.bytes).then_some(Error::OverQuota {
                        limit: bytes,
                        max: max.bytes,
                    }),
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn unsent(messages: u64, bytes: u64) -> Unsent {
        Unsent { messages, bytes }
    }

    #[test]
    fn the_outbox_fills_to_its_quota_and_has_room_when_it_is_empty() {
        let quota = OutboxQuota {
            plugin: unsent(3, 100),
            tenant: unsent(5, 150),
        };
        let check = |plugin, tenant, more, expected: Option<(&str, u64)>| {
            let exceeded = quota
                .exceeded(plugin, tenant, more)
                .map(|error| match error {
                    Error::OverQuota { limit, max } => (limit.name(), max),
                    other => panic!("{other}"),
                });
            assert_eq!(exceeded, expected, "{plugin:?}, {tenant:?} and {more:?}");
        };
        check(unsent(0, 0), unsent(0, 0), unsent(9, 900), None);
        check(unsent(2, 90), unsent(2, 90), unsent(1, 10), None);
        check(
            unsent(2, 90),
            unsent(2, 90),
            unsent(2, 10),
            Some(("outbox_waiting_max", 3)),
        );
        check(
            unsent(2, 90),
            unsent(2, 90),
            unsent(1, 11),
            Some(("outbox_waiting_bytes_max", 100)),
        );
        check(
            unsent(0, 0),
            unsent(5, 90),
            unsent(1, 1),
            Some(("outbox_tenant_waiting_max", 5)),
        );
        check(
            unsent(0, 0),
            unsent(4, 145),
            unsent(1, 9),
            Some(("outbox_tenant_waiting_bytes_max", 150)),
        );
        check(unsent(9, 900), unsent(9, 900), unsent(0, 0), None);
    }
}
