//! The ledger: the sums over all events.

use std::collections::BTreeMap;
use std::fmt;

/// The sums over all events. At the end, the first seven are equal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Sent events, without repeats.
    pub sent: u64,
    /// Events that were answered with 2xx.
    pub acknowledged: u64,
    /// Stored events.
    pub stored: u64,
    /// Handled events.
    pub handled: u64,
    /// The value of the plugin's counter in the key-value store.
    pub counted: u64,
    /// Messages in the outbox.
    pub messages: u64,
    /// Messages that the receiver has, by their ids.
    pub received: u64,
    /// Events that were acknowledged and not stored, stored and not handled, handled without
    /// effects, or whose message was not received.
    pub lost: u64,
    /// Events that were stored twice, had a doubled effect, or whose message was received with two
    /// ids.
    pub doubled: u64,
    /// Requests, including repeats.
    pub requests: u64,
    /// Attempts that the host began, including lost ones.
    pub attempts: u64,
    /// Messages that were sent to the receiver, including repeats with the same id.
    pub deliveries: u64,
    /// The number of crashes by place.
    pub deaths: BTreeMap<String, u32>,
}

impl Ledger {
    /// Returns whether nothing was lost and nothing was doubled.
    pub fn is_balanced(&self) -> bool {
        let Self {
            sent,
            acknowledged,
            stored,
            handled,
            counted,
            messages,
            received,
            lost,
            doubled,
            ..
        } = self;
        [acknowledged, stored, handled, counted, messages, received]
            .into_iter()
            .all(|sum| sum == sent)
            && (*lost, *doubled) == (0, 0)
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("sent", self.sent),
            ("acknowledged", self.acknowledged),
            ("stored", self.stored),
            ("handled", self.handled),
            ("effects: counted in key-value", self.counted),
            ("effects: messages in the outbox", self.messages),
            ("messages received, by their ids", self.received),
            ("lost", self.lost),
            ("doubled", self.doubled),
        ];
        for (name, sum) in rows {
            writeln!(f, "{name:<34}{sum:>8}")?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "{:<34}{:>8}",
            "requests, repeats included", self.requests
        )?;
        writeln!(
            f,
            "{:<34}{:>8}",
            "attempts, cut off ones included", self.attempts
        )?;
        writeln!(
            f,
            "{:<34}{:>8}",
            "deliveries, repeats included", self.deliveries
        )?;
        writeln!(f, "{:<34}{:>8}", "kills", self.deaths.values().sum::<u32>())?;
        for (place, times) in &self.deaths {
            writeln!(f, "  {place:<32}{times:>8}")?;
        }
        Ok(())
    }
}
