//! The gates: how many messages may be sent to each destination now.
//!
//! A gate is as narrow as the narrowest of four limits: the concurrency of the destination, its
//! rate, its breaker, and the rest that the receiver asked for. Gates exist in memory only; the
//! messages that they hold back wait in the outbox.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hookyard_model::share::Demand;
use hookyard_model::{DeliveryResult, DestinationRef};
use hookyard_store::ClaimedMessage;
use hookyard_work::Slots;
use tokio::time::Instant;

use crate::breaker::{Breaker, BreakerChange, DeliveryEnd};
use crate::metering::record_pause;
use crate::rate::Rate;
use crate::result::requested_rest;
use crate::{Destination, Destinations};

/// The gates of all destinations.
#[derive(Default)]
pub(crate) struct Gates(Mutex<HashMap<DestinationRef, Gate>>);

struct Gate {
    /// The destination; `None` once it is no longer configured.
    destination: Option<Arc<Destination>>,
    rate: Option<Rate>,
    breaker: Breaker,
    /// The end of the rest that the receiver asked for.
    rest_until: Option<Instant>,
}

/// The permission for one delivery.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    /// The destination at the start of the delivery.
    pub(crate) destination: Arc<Destination>,
    /// The number of breaker pauses at the start of the delivery.
    pauses: u64,
}

impl Gates {
    /// Replaces the destinations. A destination that is gone keeps its gate while deliveries to it
    /// run.
    pub(crate) fn replace(
        &self,
        destinations: &Destinations,
        slots: &Slots<DestinationRef>,
        now: Instant,
    ) {
        let mut gates = self.gates();
        for (name, gate) in gates.iter_mut() {
            gate.replace(destinations.get(name), now);
        }
        gates.retain(|name, gate| gate.destination.is_some() || slots.taken(name) > 0);

        for (name, destination) in destinations {
            let gate = gates
                .entry(name.clone())
                .or_insert_with(|| Gate::new(destination));
            gate.set_rate(destination.rate, now);
        }
    }

    /// Returns the destinations that may receive messages now, with the number of messages.
    pub(crate) fn demand(
        &self,
        slots: &Slots<DestinationRef>,
        now: Instant,
    ) -> Vec<Demand<DestinationRef>> {
        let mut demand = Vec::new();

        for (name, gate) in self.gates().iter() {
            let running = slots.taken(name);
            let slots = gate.slots(running, now);
            if slots > 0 {
                demand.push(Demand {
                    member: name.clone(),
                    slots,
                    running,
                });
            }
        }

        demand
    }

    /// Returns the time at which the next closed gate opens without any other event.
    pub(crate) fn next_open(&self, now: Instant) -> Option<Instant> {
        self.gates()
            .values()
            .filter_map(|gate| gate.opens_at(now))
            .min()
    }

    /// Begins a delivery. Returns `None` if the destination is not configured.
    pub(crate) fn begin(&self, name: &DestinationRef, now: Instant) -> Option<Pass> {
        let mut gates = self.gates();
        let gate = gates.get_mut(name)?;
        let destination = Arc::clone(gate.destination.as_ref()?);

        if let Some(rate) = &mut gate.rate {
            rate.take(now);
        }
        Some(Pass {
            destination,
            pauses: gate.breaker.pauses(),
        })
    }

    /// Records the result of a delivery. Returns whether the whole destination is down, so that a
    /// failure does not count against this message.
    pub(crate) fn record(
        &self,
        message: &ClaimedMessage,
        pass: &Pass,
        result: &DeliveryResult,
        jitter: f64,
    ) -> bool {
        let mut gates = self.gates();
        let Some(gate) = gates.get_mut(&message.destination) else {
            return false;
        };

        let now = Instant::now();
        let policy = &pass.destination.breaker;
        let end = DeliveryEnd {
            message: message.lease.id,
            pauses: pass.pauses,
            is_sent: matches!(result, DeliveryResult::Sent { .. }),
            now,
            jitter,
        };
        let change = gate.breaker.record(end, policy);

        if let Some(rest) = requested_rest(result) {
            // A receiver cannot stop all messages for longer than a breaker would. This message may
            // wait longer, by its retry policy.
            let until = now + rest.min(policy.pause_max);
            gate.rest_until = gate.rest_until.max(Some(until));
        }
        let is_down = gate.breaker.is_destination_down();
        drop(gates);

        if let Some(change) = change {
            log_change(&message.destination, change, result);
        }
        is_down
    }

    /// Removes the gate of a destination that is no longer configured. Must be called when its last
    /// delivery has ended.
    pub(crate) fn remove_unconfigured(&self, name: &DestinationRef) {
        let mut gates = self.gates();
        if gates
            .get(name)
            .is_some_and(|gate| gate.destination.is_none())
        {
            gates.remove(name);
        }
    }

    fn gates(&self) -> MutexGuard<'_, HashMap<DestinationRef, Gate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    fn new(destination: &Arc<Destination>) -> Self {
        Self {
            destination: Some(Arc::clone(destination)),
            rate: None,
            breaker: Breaker::default(),
            rest_until: None,
        }
    }

    fn replace(&mut self, destination: Option<&Arc<Destination>>, now: Instant) {
        // A receiver that asked for a rest still has it, unless the URL leads to another receiver.
        let is_same_receiver = self.url() == destination.map(|destination| &*destination.url);
        self.rest_until = self.rest_until.filter(|_| is_same_receiver);

        self.destination = destination.cloned();
        self.breaker.end_pause(now);
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

    /// Returns how many deliveries may begin while `running` deliveries run.
    fn slots(&self, running: usize, now: Instant) -> usize {
        let Some(destination) = &self.destination else {
            return 0;
        };
        if self.rest_until.is_some_and(|until| now < until) {
            return 0;
        }

        let by_rate = match &self.rate {
            Some(rate) => rate.available(now),
            None => usize::MAX,
        };
        self.breaker
            .concurrency(destination.concurrency.max(1), now)
            .saturating_sub(running)
            .min(by_rate)
    }

    /// Returns the time at which the gate opens; `None` if it is open, or if only the end of a
    /// delivery opens it.
    fn opens_at(&self, now: Instant) -> Option<Instant> {
        let rate = self.rate.as_ref().map(|rate| rate.next_at(now));
        let opens_at = [self.rest_until, self.breaker.paused_until(), rate]
            .into_iter()
            .flatten()
            .max()?;

        (self.destination.is_some() && now < opens_at).then_some(opens_at)
    }
}

fn log_change(name: &DestinationRef, change: BreakerChange, result: &DeliveryResult) {
    record_pause(name, change != BreakerChange::Closed);

    let (tenant, destination) = (&name.tenant, &name.name);
    let pause = match change {
        BreakerChange::Closed => {
            tracing::info!(
                target: "hookyard::delivery",
                %tenant, %destination,
                "the receiver accepts messages again"
            );
            return;
        }
        // Whole milliseconds are easier to read.
        BreakerChange::Opened(pause) | BreakerChange::Lengthened(pause) => {
            Duration::from_millis(pause.as_millis() as u64)
        }
    };
    tracing::warn!(
        target: "hookyard::delivery",
        %tenant, %destination, ?pause, reason = %result,
        "the receiver accepts nothing: its messages wait, and one of them is sent after the pause"
    );
}
