//! The loop: look for messages that are due, begin as many as there are places for, wait for a reason to look again.
//!
//! Reasons are: the outbox or the destinations have changed, a message has become due, a place is free, a gate opens.
//! Missing one only costs time: everything is looked up afresh each time, and at least once a minute.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hookyard_model::share::{Demand, FreeSlots, TurnOrder, remaining_demand, share};
use hookyard_model::{DestinationRef, TenantName, chain};
use hookyard_store::{ClaimedMessage, Error, MessageLease, MessageRequest};
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::gate::Gates;
use crate::sending::{Means, Sending};
use crate::{Config, Destinations, Handle};

/// The longest time between two looks, whatever the outbox and the clock say.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(60);
/// The shortest where nothing has changed, so that an outbox at odds with itself can't keep the loop spinning.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(5);
/// How long to leave an outbox alone that has just failed.
const FAULT_PAUSE: Duration = Duration::from_secs(1);

/// Sends messages that are due until it is told to stop.
pub struct Deliverer {
    means: Arc<Means>,
    concurrency_max: usize,
    tenant_concurrency_max: usize,
    /// The places of one tenant, with the destinations that there are.
    tenant_max: usize,
    shutdown_timeout: Duration,
    running: JoinSet<()>,
    leases: HashMap<Id, (DestinationRef, MessageLease)>,
    /// The outbox is to be left alone until then.
    paused_until: Option<Instant>,
    served: TurnOrder<DestinationRef>,
    destinations: Arc<ArcSwap<Destinations>>,
    destinations_changed: Arc<Notify>,
    /// Whether the destinations may be others than when this last looked at them.
    is_outdated: bool,
    /// Destinations that are not configured and that have been told of.
    strays: HashSet<DestinationRef>,
}

impl Deliverer {
    /// A deliverer that does nothing yet.
    pub fn new(config: Config) -> Self {
        let Config {
            outbox,
            post,
            clock,
            jitter,
            lease,
            destinations,
            ..
        } = config;
        let Config {
            concurrency_max,
            tenant_concurrency_max,
            shutdown_timeout,
            ..
        } = config;
        Self {
            means: Arc::new(Means {
                outbox,
                post,
                clock,
                jitter,
                lease,
                gates: Gates::default(),
            }),
            concurrency_max: concurrency_max.max(1),
            tenant_concurrency_max: tenant_concurrency_max.max(1),
            tenant_max: usize::MAX,
            shutdown_timeout,
            running: JoinSet::new(),
            leases: HashMap::new(),
            paused_until: None,
            served: TurnOrder::default(),
            destinations: Arc::new(ArcSwap::from_pointee(destinations)),
            destinations_changed: Arc::default(),
            is_outdated: true,
            strays: HashSet::new(),
        }
    }

    /// Changes this deliverer while it runs.
    pub fn handle(&self) -> Handle {
        Handle {
            destinations: Arc::clone(&self.destinations),
            changed: Arc::clone(&self.destinations_changed),
        }
    }

    /// Claims and sends messages until `shutdown` completes; then claims no more, and returns once all tries under way
    /// are settled or `shutdown_timeout` has passed. Tries cut off then keep their lease and are made again later.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        let means = Arc::clone(&self.means);
        let destinations_changed = Arc::clone(&self.destinations_changed);
        loop {
            let look_again = self.begin_due().await;
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = self.running.join_next_with_id() => self.ended(ended),
                () = destinations_changed.notified() => self.is_outdated = true,
                () = means.outbox.outbox_changed() => {}
                () = sleep_until(look_again) => {}
            }
            // What has ended as well makes room for one larger claim rather than for many small ones.
            while let Some(ended) = self.running.try_join_next_with_id() {
                self.ended(ended);
            }
        }
        self.drain().await;
    }

    /// Begins tries at messages that are due for as long as there are places, and says when to look again at the latest.
    async fn begin_due(&mut self) -> Instant {
        let now = Instant::now();
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return until;
        }
        if self.is_outdated
            && let Err(error) = self.look_at_destinations(now).await
        {
            return self.pause(&error, "it is not known which messages have no destination");
        }
        let mut asking = self.means.gates.open(now);
        while self.free() > 0 {
            let given = self.share(&asking);
            if given.is_empty() {
                break;
            }
            let claimed = match self.claim(&given).await {
                Ok(claimed) => claimed,
                Err(error) => return self.pause(&error, "no messages could be claimed"),
            };
            asking = remaining_demand(asking, &given, &by_destination(&claimed));
            for message in claimed {
                self.begin(message, now).await;
            }
        }
        self.look_again(now).await
    }

    async fn claim(&self, given: &[(DestinationRef, usize)]) -> Result<Vec<ClaimedMessage>, Error> {
        let want = |(destination, limit): &(DestinationRef, usize)| MessageRequest {
            destination: destination.clone(),
            limit: *limit,
        };
        let wanted: Vec<_> = given.iter().map(want).collect();
        self.means
            .outbox
            .claim_messages(&wanted, self.means.clock.now(), self.means.lease)
            .await
    }

    fn free(&self) -> usize {
        self.concurrency_max.saturating_sub(self.running.len())
    }

    fn running_by_tenant(&self) -> HashMap<TenantName, usize> {
        let mut by_tenant = HashMap::new();
        for (destination, running) in self.means.gates.running() {
            *by_tenant.entry(destination.tenant).or_default() += running;
        }
        by_tenant
    }

    /// Who may have how many of the places that are free.
    fn share(&mut self, asking: &[Demand<DestinationRef>]) -> Vec<(DestinationRef, usize)> {
        let running = self.running_by_tenant();
        let free = FreeSlots {
            slots: self.free(),
            tenant_max: self.tenant_max,
            running: &running,
        };
        share(&free, asking, &mut self.served)
    }

    /// Takes in which destinations there are now, and tells of messages that have none.
    async fn look_at_destinations(&mut self, now: Instant) -> Result<(), Error> {
        let destinations = self.destinations.load_full();
        self.means.gates.replace(&destinations, now);
        let tenants: HashSet<_> = destinations
            .keys()
            .map(|destination| &destination.tenant)
            .collect();
        // Places that nobody else could have are kept for nobody.
        self.tenant_max = if tenants.len() > 1 {
            self.tenant_concurrency_max
        } else {
            usize::MAX
        };
        self.served
            .retain(|destination| destinations.contains_key(destination));
        self.strays
            .retain(|destination| !destinations.contains_key(destination));
        for stray in self.means.outbox.unsent_destinations().await? {
            if destinations.contains_key(&stray) || !self.strays.insert(stray.clone()) {
                continue;
            }
            tracing::warn!(
                target: "hookyard::delivery",
                tenant = %stray.tenant, destination = %stray.name,
                "messages for a destination that is not configured: they are kept, and sent once it is"
            );
        }
        self.is_outdated = false;
        Ok(())
    }

    async fn begin(&mut self, message: ClaimedMessage, now: Instant) {
        let (destination, lease) = (message.destination.clone(), message.lease.clone());
        let Some(pass) = self.means.gates.begin(&destination, now) else {
            // Nobody asked for it.
            tracing::error!(%destination, "the outbox gave out a message for a destination that is not configured");
            let _ = self.means.outbox.give_back_messages(&[lease]).await;
            return;
        };
        let means = Arc::clone(&self.means);
        let task = self
            .running
            .spawn(async move { means.deliver(Sending { message, pass }).await });
        self.leases.insert(task.id(), (destination, lease));
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let Some((destination, lease)) = self.leases.remove(&id) else {
            return;
        };
        self.means.gates.end(&destination);
        // A fault of the host's. Nobody knows how far the try came: its lease runs out, and it's made again.
        if let Err(error) = ended {
            let (message_id, attempt) = (lease.id, lease.delivery);
            tracing::error!(%message_id, %destination, attempt, %error, "the host failed while it sent a message");
        }
    }

    /// When the next message that there's a place for is due, or the next gate opens.
    async fn look_again(&mut self, now: Instant) -> Instant {
        let (mut due, mut opens) = (None, None);
        // Without a place, one that becomes free is the reason to look again.
        if self.free() > 0 {
            let running = self.running_by_tenant();
            let has_place = |open: &Demand<DestinationRef>| {
                running
                    .get(&open.member.tenant)
                    .is_none_or(|taken| *taken < self.tenant_max)
            };
            let open = self.means.gates.open(now).into_iter().filter(has_place);
            let open: Vec<_> = open.map(|open| open.member).collect();
            due = match self.means.outbox.next_message_due(&open).await {
                Ok(due) => {
                    due.map(|due| now + due.since(self.means.clock.now()).min(LOOK_AGAIN_MAX))
                }
                Err(error) => {
                    return self.pause(&error, "the time of the next message is not known");
                }
            };
            opens = self.means.gates.next_open(now);
        }
        let next = [opens, due, Some(now + LOOK_AGAIN_MAX)]
            .into_iter()
            .flatten()
            .min();
        next.unwrap_or(now).max(now + LOOK_AGAIN_MIN)
    }

    fn pause(&mut self, error: &Error, what: &'static str) -> Instant {
        tracing::error!(error = chain(error), "{what}");
        let until = Instant::now() + FAULT_PAUSE;
        self.paused_until = Some(until);
        until
    }

    async fn drain(&mut self) {
        let shutdown_timeout = self.shutdown_timeout;
        let all_ended = async {
            while let Some(ended) = self.running.join_next_with_id().await {
                self.ended(ended);
            }
        };
        if timeout(shutdown_timeout, all_ended).await.is_err() {
            tracing::warn!(
                tries = self.running.len(),
                "tries took too long to end; they will be made again"
            );
            self.running.shutdown().await;
        }
    }
}

/// How many messages each destination was given.
fn by_destination(claimed: &[ClaimedMessage]) -> HashMap<DestinationRef, usize> {
    let mut given = HashMap::new();
    for message in claimed {
        *given.entry(message.destination.clone()).or_default() += 1;
    }
    given
}
