//! The deliverer: a loop that looks for due messages, begins as many deliveries as there are free
//! slots, and waits for a reason to look again.
//!
//! The reasons are: the outbox or the destinations have changed, a message has become due, a
//! delivery has ended, or a gate opens. Each look reads everything again, and there is a look at
//! least once a minute. So a missed reason costs time and nothing else.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hookyard_model::{DestinationRef, chain};
use hookyard_store::{ClaimedMessage, Error, MessageLease, MessageRequest};
use hookyard_work::{EndedTask, Pause, Running, Slots, due_instant, next_look};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::sender::{SendTask, Sender};
use crate::{Config, Destinations, Handle};

/// Sends due messages until it is shut down.
pub struct Deliverer {
    sender: Arc<Sender>,
    slots: Slots<DestinationRef>,
    running: Running<RunningDelivery, ()>,
    pause: Pause,
    destinations: Arc<ArcSwap<Destinations>>,
    destinations_changed: Arc<Notify>,
    /// Whether the destinations may have changed since the last look.
    is_outdated: bool,
    /// The destinations that have messages, that are not configured, and that the log has named.
    unconfigured: HashSet<DestinationRef>,
    shutdown_timeout: Duration,
}

struct RunningDelivery {
    destination: DestinationRef,
    lease: MessageLease,
}

impl Deliverer {
    /// Returns a deliverer. It does nothing before [`Deliverer::run`].
    pub fn new(config: Config) -> Self {
        Self {
            slots: Slots::new(config.concurrency_max, config.tenant_concurrency_max),
            running: Running::default(),
            pause: Pause::default(),
            destinations: Arc::new(ArcSwap::from_pointee(config.destinations.clone())),
            destinations_changed: Arc::default(),
            is_outdated: true,
            unconfigured: HashSet::new(),
            shutdown_timeout: config.shutdown_timeout,
            sender: Arc::new(Sender::new(config)),
        }
    }

    /// Returns a handle that changes this deliverer while it runs.
    pub fn handle(&self) -> Handle {
        Handle {
            destinations: Arc::clone(&self.destinations),
            changed: Arc::clone(&self.destinations_changed),
        }
    }

    /// Claims and sends messages until `shutdown` completes. Then it claims no more, and returns
    /// once all running deliveries are settled or `shutdown_timeout` has passed. Deliveries that
    /// are aborted then keep their lease, and their messages are sent again later.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        let sender = Arc::clone(&self.sender);
        let destinations_changed = Arc::clone(&self.destinations_changed);

        loop {
            let next_look = self.begin_due().await;
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = self.running.next() => self.ended(ended),
                () = destinations_changed.notified() => self.is_outdated = true,
                () = sender.outbox.outbox_changed() => {}
                () = sleep_until(next_look) => {}
            }

            // All slots that are free by now serve the next claim, so that it is one large claim
            // instead of many small ones.
            while let Some(ended) = self.running.try_next() {
                self.ended(ended);
            }
        }

        self.drain().await;
    }

    /// Begins deliveries of due messages while there are free slots. Returns the time of the next
    /// look.
    async fn begin_due(&mut self) -> Instant {
        let now = Instant::now();
        if let Some(end) = self.pause.end(now) {
            return end;
        }
        if self.is_outdated
            && let Err(error) = self.update_destinations(now).await
        {
            return self.pause(&error, "the destinations of waiting messages are not known");
        }

        let mut demand = self.sender.gates.demand(&self.slots, now);
        while self.slots.free() > 0 {
            let shares = self.slots.share(&demand);
            if shares.is_empty() {
                break;
            }

            let claimed = match self.claim(&shares).await {
                Ok(claimed) => claimed,
                Err(error) => return self.pause(&error, "no messages could be claimed"),
            };
            let destinations = claimed.iter().map(|message| &message.destination);
            demand = Slots::remaining_demand(demand, &shares, destinations);
            for message in claimed {
                self.begin(message, now).await;
            }
        }

        match self.next_look(now).await {
            Ok(next_look) => next_look,
            Err(error) => self.pause(&error, "the time of the next message is not known"),
        }
    }

    async fn claim(
        &self,
        shares: &[(DestinationRef, usize)],
    ) -> Result<Vec<ClaimedMessage>, Error> {
        let Sender { outbox, lease, .. } = &*self.sender;
        let requests: Vec<_> = shares
            .iter()
            .map(|(destination, limit)| MessageRequest {
                destination: destination.clone(),
                limit: *limit,
            })
            .collect();

        outbox.claim_messages(&requests, *lease).await
    }

    /// Reads the configured destinations, and logs messages whose destination is not configured.
    async fn update_destinations(&mut self, now: Instant) -> Result<(), Error> {
        let destinations = self.destinations.load_full();
        self.sender.gates.replace(&destinations, &self.slots, now);
        self.slots.set_members(destinations.keys());
        self.unconfigured
            .retain(|destination| !destinations.contains_key(destination));

        for destination in self.sender.outbox.unsent_destinations().await? {
            let is_configured = destinations.contains_key(&destination);
            if is_configured || !self.unconfigured.insert(destination.clone()) {
                continue;
            }
            tracing::warn!(
                target: "hookyard::delivery",
                tenant = %destination.tenant, destination = %destination.name,
                "messages wait for a destination that is not configured; they are sent once it is configured"
            );
        }

        self.is_outdated = false;
        Ok(())
    }

    async fn begin(&mut self, message: ClaimedMessage, now: Instant) {
        let running = RunningDelivery {
            destination: message.destination.clone(),
            lease: message.lease.clone(),
        };
        let Some(pass) = self.sender.gates.begin(&running.destination, now) else {
            tracing::error!(
                destination = %running.destination,
                "the outbox returned a message for a destination that was not asked for"
            );
            let _ = self
                .sender
                .outbox
                .give_back_messages(&[running.lease])
                .await;
            return;
        };

        let sender = Arc::clone(&self.sender);
        self.slots.take(&running.destination);
        self.running.spawn(running, async move {
            sender.deliver(SendTask { message, pass }).await;
        });
    }

    fn ended(&mut self, ended: EndedTask<RunningDelivery, ()>) {
        let destination = &ended.lease.destination;
        self.slots.put_back(destination);
        if self.slots.taken(destination) == 0 {
            self.sender.gates.remove_unconfigured(destination);
        }

        log_panic(ended);
    }

    /// Returns the time of the next look: the next message that has a slot is due, or a gate opens.
    async fn next_look(&mut self, now: Instant) -> Result<Instant, Error> {
        // Without a free slot, the end of a delivery is the reason to look again.
        if self.slots.free() == 0 {
            return Ok(next_look(now, []));
        }

        let Sender { outbox, gates, .. } = &*self.sender;
        let destinations = self.slots.eligible(gates.demand(&self.slots, now));
        let due = outbox.next_message_due(&destinations).await?;
        let due = due.map(|due| due_instant(due, now));
        Ok(next_look(now, [due, gates.next_open(now)]))
    }

    fn pause(&mut self, error: &Error, message: &'static str) -> Instant {
        tracing::error!(error = chain(error), "{message}");
        self.pause.begin()
    }

    async fn drain(&mut self) {
        let aborted = self.running.drain(self.shutdown_timeout, log_panic).await;
        if aborted > 0 {
            tracing::warn!(
                deliveries = aborted,
                "deliveries took too long to end; their messages are sent again later"
            );
        }
    }
}

/// Logs a panic of the host in a delivery. It is unknown how far the delivery got, so its lease
/// must run out.
fn log_panic(ended: EndedTask<RunningDelivery, ()>) {
    if let Err(error) = ended.result {
        let RunningDelivery { destination, lease } = ended.lease;
        tracing::error!(
            message_id = %lease.id, %destination, delivery = lease.delivery, %error,
            "the host failed while it sent a message"
        );
    }
}
