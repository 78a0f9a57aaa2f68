//! The quota of unsent messages: how many messages and bytes a plugin and a tenant may have in the
//! outbox.

use hookyard_model::{Limit, Message};

use crate::Error;

/// An amount of unsent messages: the messages in the outbox, or a quota of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxUsage {
    /// The number of messages.
    pub messages: u64,
    /// The total size of their bodies, in bytes.
    pub bytes: u64,
}

impl OutboxUsage {
    const UNLIMITED: Self = Self {
        messages: u64::MAX,
        bytes: u64::MAX,
    };

    /// Returns the usage of these messages.
    pub fn of<'m>(messages: impl IntoIterator<Item = &'m Message>) -> Self {
        let mut usage = Self::default();

        for message in messages {
            usage = usage.plus(Self {
                messages: 1,
                bytes: message.body.len() as u64,
            });
        }

        usage
    }

    /// Returns the sum of two amounts.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            messages: self.messages.saturating_add(other.messages),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// The maximum amounts of unsent messages. The default has no limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxQuota {
    /// The maximum of one plugin.
    pub plugin: OutboxUsage,
    /// The maximum of all plugins of the tenant together.
    pub tenant: OutboxUsage,
}

impl Default for OutboxQuota {
    fn default() -> Self {
        Self {
            plugin: OutboxUsage::UNLIMITED,
            tenant: OutboxUsage::UNLIMITED,
        }
    }
}

impl OutboxQuota {
    /// Returns the [`Error::OverQuota`] that prevents `added` messages next to the unsent messages
    /// of the plugin and of its tenant, if any.
    ///
    /// An empty outbox has room for everything that one attempt may send, so that no attempt waits
    /// for ever.
    pub fn exceeded(
        &self,
        plugin: OutboxUsage,
        tenant: OutboxUsage,
        added: OutboxUsage,
    ) -> Option<Error> {
        let plugin_limits = [Limit::OutboxWaiting, Limit::OutboxWaitingBytes];
        let tenant_limits = [Limit::OutboxTenantWaiting, Limit::OutboxTenantWaitingBytes];

        exceeded(plugin, self.plugin, added, plugin_limits)
            .or_else(|| exceeded(tenant, self.tenant, added, tenant_limits))
    }
}

fn exceeded(
    unsent: OutboxUsage,
    max: OutboxUsage,
    added: OutboxUsage,
    [messages, bytes]: [Limit; 2],
) -> Option<Error> {
    if unsent.messages == 0 || added.messages == 0 {
        return None;
    }

    let next = unsent.plus(added);
    if next.messages > max.messages {
        return Some(Error::OverQuota {
            limit: messages,
            max: max.messages,
        });
    }
    if next.bytes > max.bytes {
        return Some(Error::OverQuota {
            limit: bytes,
            max: max.bytes,
        });
    }

    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn usage(messages: u64, bytes: u64) -> OutboxUsage {
        OutboxUsage { messages, bytes }
    }

    #[test]
    fn empty_outbox_takes_more_than_quota() {
        let quota = OutboxQuota {
            plugin: usage(3, 100),
            tenant: usage(5, 150),
        };
        let check = |plugin, tenant, added, expected: Option<(&str, u64)>| {
            let exceeded = quota
                .exceeded(plugin, tenant, added)
                .map(|error| match error {
                    Error::OverQuota { limit, max } => (limit.name(), max),
                    other => panic!("{other}"),
                });
            assert_eq!(exceeded, expected, "{plugin:?}, {tenant:?} and {added:?}");
        };

        check(usage(0, 0), usage(0, 0), usage(9, 900), None);
        check(usage(2, 90), usage(2, 90), usage(1, 10), None);
        check(
            usage(2, 90),
            usage(2, 90),
            usage(2, 10),
            Some(("outbox_waiting_max", 3)),
        );
        check(
            usage(2, 90),
            usage(2, 90),
            usage(1, 11),
            Some(("outbox_waiting_bytes_max", 100)),
        );
        check(
            usage(0, 0),
            usage(5, 90),
            usage(1, 1),
            Some(("outbox_tenant_waiting_max", 5)),
        );
        check(
            usage(0, 0),
            usage(4, 145),
            usage(1, 9),
            Some(("outbox_tenant_waiting_bytes_max", 150)),
        );
        check(usage(9, 900), usage(9, 900), usage(0, 0), None);
    }
}
