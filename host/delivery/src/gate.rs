//! How many messages each destination may be sent now.
//!
//! A gate is as narrow as the narrowest of four: the destination's concurrency, its rate, its breaker, and the rest that
//! its receiver asked for. Gates are in memory only; what they hold back stays where it is, in the outbox.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hookyard_model::share::Demand;
use hookyard_model::{DeliveryResult, DestinationRef, MessageId};
use tokio::time::Instant;

use crate::breaker::{Breaker, Change, Ended};
use crate::metering::record_pause;
use crate::rate::Rate;
use crate::verdict::rest;
use crate::{Destination, Destinations};

/// The gates of all destinations.
#[derive(Default)]
pub(super) struct Gates(Mutex<HashMap<DestinationRef, Gate>>);

struct Gate {
    /// None once it's no longer configured.
    destination: Option<Arc<Destination>>,
    /// Tries under way.
    running: usize,
    rate: Option<Rate>,
    breaker: Breaker,
    /// Until when the receiver asked to be left alone.
    rest_until: Option<Instant>,
}

/// The right to one try.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    /// The destination as it was when the try began.
    pub(super) destination: Arc<Destination>,
    breaker: u64,
}

impl Gates {
    /// From now on these are the destinations.
    pub(super) fn replace(&self, destinations: &Destinations, now: Instant) {
        let mut gates = self.gates();
        for (name, gate) in gates.iter_mut() {
            let next = destinations.get(name);
            // Whoever asked for a rest still has it, whatever else the configuration says now.
            let is_same_receiver = gate.url() == next.map(|destination| destination.url.as_str());
            gate.rest_until = gate.rest_until.filter(|_| is_same_receiver);
            gate.destination = next.cloned();
            gate.breaker.end_pause(now);
        }
        gates.retain(|_, gate| gate.destination.is_some() || gate.running > 0);
        for (name, destination) in destinations {
            let gate = gates
                .entry(name.clone())
                .or_insert_with(|| Gate::new(destination));
            gate.set_rate(destination.rate, now);
        }
    }

    /// The destinations that messages may be sent to now, and how many.
    pub(super) fn open(&self, now: Instant) -> Vec<Demand<DestinationRef>> {
        let gates = self.gates();
        let open = gates.iter().map(|(name, gate)| Demand {
            member: name.clone(),
            slots: gate.places(now),
            running: gate.running,
        });
        open.filter(|open| open.slots > 0).collect()
    }

    /// When time alone will have opened the next gate that is closed.
    pub(super) fn next_open(&self, now: Instant) -> Option<Instant> {
        self.gates()
            .values()
            .filter_map(|gate| gate.opens_at(now))
            .min()
    }

    /// Tries under way of each destination.
    pub(super) fn running(&self) -> Vec<(DestinationRef, usize)> {
        self.gates()
            .iter()
            .map(|(name, gate)| (name.clone(), gate.running))
            .collect()
    }

    /// Begins a try; none where the destination isn't configured.
    pub(super) fn begin(&self, name: &DestinationRef, now: Instant) -> Option<Pass> {
        let mut gates = self.gates();
        let gate = gates.get_mut(name)?;
        let destination = Arc::clone(gate.destination.as_ref()?);
        gate.running += 1;
        if let Some(rate) = &mut gate.rate {
            rate.take(now);
        }
        Some(Pass {
            destination,
            breaker: gate.breaker.begin(),
        })
    }

    /// Takes note of what a try came to. Says whether the destination as a whole is down, so that this failure doesn't
    /// use the message up.
    pub(super) fn judge(
        &self,
        name: &DestinationRef,
        pass: &Pass,
        message: MessageId,
        result: &DeliveryResult,
        jitter: f64,
    ) -> bool {
        let mut gates = self.gates();
        let Some(gate) = gates.get_mut(name) else {
            return false;
        };
        let (now, policy) = (Instant::now(), &pass.destination.breaker);
        let is_sent = matches!(result, DeliveryResult::Sent { .. });
        let change = gate.breaker.ended(
            Ended {
                message,
                begun: pass.breaker,
                is_sent,
                now,
                jitter,
            },
            policy,
        );
        if let Some(rest) = rest(result) {
            // As long as a pause may be at most: the message may wait longer, by its own policy.
            let until = now + rest.min(policy.pause_max);
            gate.rest_until = gate.rest_until.max(Some(until));
        }
        let is_down = gate.breaker.is_destination_down();
        drop(gates);
        if let Some(change) = change {
            report(name, change, result);
        }
        is_down
    }

    /// A try is over, whatever came of it.
    pub(super) fn end(&self, name: &DestinationRef) {
        let mut gates = self.gates();
        let Some(gate) = gates.get_mut(name) else {
            return;
        };
        gate.running -= 1;
        if gate.running == 0 && gate.destination.is_none() {
            gates.remove(name);
        }
    }

    fn gates(&self) -> MutexGuard<'_, HashMap<DestinationRef, Gate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    fn new(destination: &Arc<Destination>) -> Self {
        let destination = Some(Arc::clone(destination));
        Self {
            destination,
            running: 0,
            rate: None,
            breaker: Breaker::default(),
            rest_until: None,
        }
    }

    fn url(&self) -> Option<&str> {
        self.destination
            .as_ref()
            .map(|destination| destination.url.as_str())
    }

    fn set_rate(&mut self, per_second: Option<f64>, now: Instant) {
        match (per_second, &mut self.rate) {
            (Some(per_second), Some(rate)) => rate.change(per_second, now),
            (Some(per_second), None) => self.rate = Some(Rate::new(per_second, now)),
            (None, _) => self.rate = None,
        }
    }

    fn places(&self, now: Instant) -> usize {
        let Some(destination) = &self.destination else {
            return 0;
        };
        if self.rest_until.is_some_and(|until| now < until) {
            return 0;
        }
        let by_rate = self
            .rate
            .as_ref()
            .map_or(usize::MAX, |rate| rate.places(now));
        self.breaker
            .places(destination.concurrency.max(1), now)
            .saturating_sub(self.running)
            .min(by_rate)
    }

    /// When it will be open; none where it is, or where only the end of a try will open it.
    fn opens_at(&self, now: Instant) -> Option<Instant> {
        let rate = self.rate.as_ref().map(|rate| rate.next_at(now));
        let reasons = [self.rest_until, self.breaker.until(), rate];
        let opens_at = reasons.into_iter().flatten().max()?;
        (self.destination.is_some() && now < opens_at).then_some(opens_at)
    }
}

fn report(name: &DestinationRef, change: Change, result: &DeliveryResult) {
    record_pause(name, change != Change::Closed);
    let (tenant, destination) = (&name.tenant, &name.name);
    let pause = match change {
        Change::Opened(pause) | Change::Lengthened(pause) => {
            Duration::from_millis(pause.as_millis() as u64)
        }
        Change::Closed => {
            return tracing::info!(target: "hookyard::delivery", %tenant, %destination, "the receiver takes messages again");
        }
    };
    tracing::warn!(
        target: "hookyard::delivery",
        %tenant, %destination, ?pause, reason = %result,
        "the receiver takes nothing: its messages wait, and one of them is tried after the pause"
    );
}
