//! The ledger: what was sent, and what became of it.

use std::collections::BTreeMap;
use std::fmt;

/// Sums over all events. In the end all of the first seven are the same number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Events that senders have sent, however often each.
    pub sent: u64,
    /// Those of them that were answered with 2xx.
    pub acknowledged: u64,
    /// Those that stand in the inbox.
    pub stored: u64,
    /// Those that the plugin is done with.
    pub handled: u64,
    /// What the plugin's counter in the key-value store says.
    pub counted: u64,
    /// Messages in the outbox.
    pub messages: u64,
    /// Messages that their receiver has, by their ids.
    pub received: u64,
    /// Acknowledged and not stored, stored and not handled, handled without its effects, or not received.
    pub lost: u64,
    /// Stored twice, an effect that happened twice, or one received under two ids.
    pub doubled: u64,
    /// Requests that were made, repeats included.
    pub requests: u64,
    /// Attempts that the host has begun, those lost with a host included.
    pub attempts: u64,
    /// Messages that the receiver was sent, repeats under the same id included.
    pub deliveries: u64,
    /// How often the host died, by where.
    pub deaths: BTreeMap<String, u32>,
}

impl Ledger {
    /// Whether nothing was lost and nothing doubled.
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
