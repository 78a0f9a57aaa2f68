//! The outbox in memory.
//!
//! Which message of an ordering key is first is worked out anew each time, from those that are to be sent still.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{
    Delivery, DestinationRef, EventId, Message, MessageId, PluginRef, Timestamp, WorkState,
};

use super::{MemoryStore, listing};
use hookyard_store::DELIVERIES_MAX;
use hookyard_store::{
    ClaimedMessage, DisabledDestination, Error, MessageLease, MessagePage, MessageRecord,
    MessageReplay, MessageRequest, MessageSelection, MessageSettlement, MessageSummary, Outbox,
    OutboxQuota, OutboxUsage, Predecessor, PruneSummary, ReplaySummary, Retention, transitions,
};

#[async_trait]
impl Outbox for MemoryStore {
    async fn claim_messages(
        &self,
        wanted: &[MessageRequest],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<ClaimedMessage>, Error> {
        let outbox = &mut self.state().outbox;
        Ok(wanted
            .iter()
            .flat_map(|want| outbox.claim(want, now, now.after(lease)))
            .collect())
    }

    async fn extend_messages(
        &self,
        leases: &[MessageLease],
        until: Timestamp,
    ) -> Result<(), Error> {
        let outbox = &mut self.state().outbox;
        for lease in leases {
            if let Some((at, WorkState::Leased { until: before })) = outbox.leased(lease) {
                outbox.put(
                    at,
                    WorkState::Leased {
                        until: until.max(before),
                    },
                );
            }
        }
        Ok(())
    }

    async fn give_back_messages(&self, leases: &[MessageLease]) -> Result<(), Error> {
        let outbox = &mut self.state().outbox;
        for lease in leases {
            let Some((at, before)) = outbox.leased(lease) else {
                continue;
            };
            if let Ok(next) = transitions::give_back(before, true) {
                outbox.put(at, next).attempts -= 1;
            }
        }
        self.outbox_changed.notify_one();
        Ok(())
    }

    async fn settle_message(&self, settlement: MessageSettlement) -> Result<(), Error> {
        let MessageSettlement {
            lease,
            delivery,
            next,
            is_spared,
            disable,
        } = settlement;
        let outbox = &mut self.state().outbox;
        let Some((at, _)) = outbox.leased(&lease) else {
            return Err(Error::MessageLeaseLost(lease));
        };
        let since = delivery.started_at.after(delivery.duration);
        let stored = outbox.put(at, next);
        stored.deliveries.push((lease.replays, delivery));
        let surplus = stored.deliveries.len().saturating_sub(DELIVERIES_MAX);
        stored.deliveries.drain(..surplus);
        stored.spared += u32::from(is_spared);
        let destination = stored.destination();
        if let Some(reason) = disable {
            outbox.disabled.insert(
                destination.clone(),
                DisabledDestination {
                    destination,
                    reason,
                    since,
                },
            );
        }
        self.outbox_changed.notify_one();
        Ok(())
    }

    async fn next_message_due(
        &self,
        destinations: &[DestinationRef],
    ) -> Result<Option<Timestamp>, Error> {
        let outbox = &self.state().outbox;
        let firsts = destinations
            .iter()
            .flat_map(|destination| outbox.firsts(destination));
        Ok(firsts.filter_map(|at| outbox.all[&at].state.due_at()).min())
    }

    async fn outbox_changed(&self) {
        self.outbox_changed.notified().await;
    }

    async fn messages(&self, page: MessagePage) -> Result<Vec<MessageSummary>, Error> {
        Ok(self.state().outbox.page(&page))
    }

    async fn message(&self, id: MessageId) -> Result<Option<MessageRecord>, Error> {
        let outbox = &self.state().outbox;
        Ok(outbox
            .by_id
            .get(&id)
            .map(|at| outbox.all[at].record(outbox.ahead_of(*at))))
    }

    async fn replay_messages(&self, replay: MessageReplay) -> Result<ReplaySummary, Error> {
        let replayed = self.state().outbox.replay(&replay);
        if !replay.dry_run {
            self.outbox_changed.notify_one();
        }
        Ok(replayed)
    }

    async fn disable(&self, disabled: DisabledDestination) -> Result<(), Error> {
        self.state()
            .outbox
            .disabled
            .insert(disabled.destination.clone(), disabled);
        Ok(())
    }

    async fn enable(&self, destination: &DestinationRef) -> Result<(), Error> {
        self.state().outbox.disabled.remove(destination);
        self.outbox_changed.notify_one();
        Ok(())
    }

    async fn disabled(&self) -> Result<Vec<DisabledDestination>, Error> {
        Ok(self.state().outbox.disabled.values().cloned().collect())
    }

    async fn unsent(&self) -> Result<Vec<(PluginRef, OutboxUsage)>, Error> {
        Ok(self.state().outbox.unsent().into_iter().collect())
    }

    async fn unsent_destinations(&self) -> Result<Vec<DestinationRef>, Error> {
        let alive = &self.state().outbox.alive;
        Ok(alive
            .iter()
            .filter(|(_, messages)| !messages.is_empty())
            .map(|(name, _)| name.clone())
            .collect())
    }

    async fn prune_messages(
        &self,
        limits: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error> {
        Ok(self.state().outbox.prune(limits, now, limit))
    }
}

/// What settled attempts asked to have sent.
#[derive(Default)]
pub(super) struct Messages {
    /// In the order of their commit; a place in it names a message.
    all: BTreeMap<usize, Stored>,
    /// How many messages there have ever been.
    committed: usize,
    by_id: BTreeMap<MessageId, usize>,
    /// Those that are to be sent still.
    alive: BTreeMap<DestinationRef, BTreeSet<usize>>,
    disabled: BTreeMap<DestinationRef, DisabledDestination>,
}

struct Stored {
    message: Message,
    plugin: PluginRef,
    event: EventId,
    created_at: Timestamp,
    state: WorkState,
    replays: u32,
    attempts: u32,
    /// Of them, those that don't count.
    spared: u32,
    /// Since when it is to be sent.
    since: Timestamp,
    /// Each with the number of replays before it.
    deliveries: Vec<(u32, Delivery)>,
}

impl Messages {
    pub(super) fn add(
        &mut self,
        plugin: &PluginRef,
        event: EventId,
        message: Message,
        now: Timestamp,
    ) {
        let at = self.committed;
        self.committed += 1;
        self.by_id.insert(message.id, at);
        let stored = Stored {
            message,
            plugin: plugin.clone(),
            event,
            created_at: now,
            state: WorkState::Pending,
            replays: 0,
            attempts: 0,
            spared: 0,
            since: now,
            deliveries: Vec::new(),
        };
        self.all.insert(at, stored);
        self.put(at, WorkState::Pending);
    }

    /// The only place where a message's state changes.
    fn put(&mut self, at: usize, next: WorkState) -> &mut Stored {
        let stored = self
            .all
            .get_mut(&at)
            .expect("callers name a message that is there");
        stored.state = next;
        let alive = self.alive.entry(stored.destination()).or_default();
        match stored.is_over() {
            true => alive.remove(&at),
            false => alive.insert(at),
        };
        stored
    }

    /// The messages to a destination that no other one has to wait for, in the order of their commit.
    fn firsts(&self, destination: &DestinationRef) -> BTreeSet<usize> {
        match self.disabled.contains_key(destination) {
            true => BTreeSet::new(),
            false => self.heads(destination),
        }
    }

    /// The one that has to be over before this one is claimed.
    fn ahead_of(&self, at: usize) -> Option<Predecessor<MessageId>> {
        let stored = &self.all[&at];
        let heads = self.heads(&stored.destination());
        if stored.is_over() || heads.contains(&at) {
            return None;
        }
        let key = |head: &&Stored| head.message.ordering_key == stored.message.ordering_key;
        let head = heads.iter().map(|head| &self.all[head]).find(key)?;
        Some(Predecessor {
            id: head.message.id,
            state: head.state,
        })
    }

    fn heads(&self, destination: &DestinationRef) -> BTreeSet<usize> {
        let mut by_key = HashMap::<&str, usize>::new();
        let mut firsts = BTreeSet::new();
        for at in self.alive.get(destination).into_iter().flatten().copied() {
            let stored = &self.all[&at];
            let Some(key) = &stored.message.ordering_key else {
                firsts.insert(at);
                continue;
            };
            let first = by_key.entry(key).or_insert(at);
            // An earlier one may have come back to life by a replay: it waits for a try that is under way.
            if matches!(stored.state, WorkState::Leased { .. }) {
                *first = at;
            }
        }
        firsts.extend(by_key.into_values());
        firsts
    }

    fn claim(
        &mut self,
        want: &MessageRequest,
        now: Timestamp,
        until: Timestamp,
    ) -> Vec<ClaimedMessage> {
        let (pending, timed): (Vec<_>, Vec<_>) = self
            .firsts(&want.destination)
            .into_iter()
            .filter(|at| self.all[at].state.due_at().is_some_and(|due| due <= now))
            .partition(|at| self.all[at].state == WorkState::Pending);
        let mut found: Vec<_> = pending.into_iter().take(want.limit).chain(timed).collect();
        found.sort_by_key(|at| (self.all[at].due_since(), *at));
        found.truncate(want.limit);
        found
            .into_iter()
            .filter_map(|at| self.lease(at, now, until))
            .collect()
    }

    fn lease(&mut self, at: usize, now: Timestamp, until: Timestamp) -> Option<ClaimedMessage> {
        let transitions::Claim::Lease(next) =
            transitions::claim(self.all[&at].state, true, until, now)
        else {
            return None;
        };
        let stored = self.put(at, next);
        stored.attempts += 1;
        let Message {
            id,
            event_type,
            body,
            ..
        } = &stored.message;
        Some(ClaimedMessage {
            lease: MessageLease {
                id: *id,
                replays: stored.replays,
                delivery: stored.attempts,
            },
            until,
            destination: stored.destination(),
            plugin: stored.plugin.clone(),
            event: stored.event,
            event_type: event_type.clone(),
            body: body.clone(),
            since: stored.since,
            spared: stored.spared,
        })
    }

    /// The message's place and state, where it is under just this lease.
    fn leased(&self, lease: &MessageLease) -> Option<(usize, WorkState)> {
        let at = *self.by_id.get(&lease.id)?;
        let stored = &self.all[&at];
        let is_held = (stored.replays, stored.attempts) == (lease.replays, lease.delivery)
            && matches!(stored.state, WorkState::Leased { .. });
        is_held.then_some((at, stored.state))
    }

    fn page(&self, page: &MessagePage) -> Vec<MessageSummary> {
        let found = listing::in_order(&self.all, &self.by_id, page.order, page.after);
        let found = found
            .filter(|stored| selects(&page.selection, stored))
            .take(page.limit);
        found
            .map(|stored| stored.summary(self.ahead_of(self.by_id[&stored.message.id])))
            .collect()
    }

    fn replay(&mut self, replay: &MessageReplay) -> ReplaySummary {
        let mut replayed = ReplaySummary::default();
        let found = self
            .all
            .iter()
            .filter(|(_, stored)| selects(&replay.selection, stored));
        for at in found.map(|(at, _)| *at).collect::<Vec<_>>() {
            let due = transitions::replay_due(replay.now, replay.rate, replayed.replayed);
            let Ok(next) = transitions::replay(self.all[&at].state, due, true) else {
                replayed.leased += 1;
                continue;
            };
            replayed.replayed += 1;
            if !replay.dry_run {
                let stored = self.put(at, next);
                stored.replays += 1;
                (stored.attempts, stored.spared) = (0, 0);
                stored.since = due.unwrap_or(replay.now);
            }
        }
        replayed
    }

    /// What is to be sent still, by plugin.
    fn unsent(&self) -> BTreeMap<PluginRef, OutboxUsage> {
        let mut unsent = BTreeMap::<PluginRef, OutboxUsage>::new();
        for stored in self.alive.values().flatten().map(|at| &self.all[at]) {
            let of_plugin = unsent.entry(stored.plugin.clone()).or_default();
            *of_plugin = of_plugin.plus(OutboxUsage::of([&stored.message]));
        }
        unsent
    }

    /// What keeps these messages from being added, if anything does.
    pub(super) fn exceeded(
        &self,
        plugin: &PluginRef,
        quota: OutboxQuota,
        more: OutboxUsage,
    ) -> Option<Error> {
        let unsent = self.unsent();
        let of_tenant = unsent
            .iter()
            .filter(|(other, _)| other.tenant == plugin.tenant)
            .map(|(_, unsent)| *unsent);
        let of_plugin = unsent.get(plugin).copied().unwrap_or_default();
        quota.exceeded(
            of_plugin,
            of_tenant.fold(OutboxUsage::default(), OutboxUsage::plus),
            more,
        )
    }

    fn prune(&mut self, limits: &Retention, now: Timestamp, limit: usize) -> PruneSummary {
        let is_old = |stored: &Stored| {
            let keep = limits.limits_of(&stored.plugin.tenant);
            let is_past = |since: Timestamp, age: Option<Duration>| {
                age.is_some_and(|age| since.after(age) <= now)
            };
            let is_unsent = !matches!(stored.state, WorkState::Done | WorkState::Leased { .. });
            (stored.is_over() && is_past(stored.created_at, keep.age_max))
                || (is_unsent && is_past(stored.since, keep.unsent_max_age))
        };
        let mut old: Vec<_> = self
            .all
            .iter()
            .filter(|(_, stored)| is_old(stored))
            .collect();
        old.sort_by_key(|(at, stored)| (&stored.plugin.tenant, stored.created_at, **at));
        let more = old.len() > limit;
        let old: Vec<_> = old.into_iter().take(limit).map(|(at, _)| *at).collect();
        let taken: Vec<_> = old.iter().filter_map(|at| self.all.remove(at)).collect();
        for stored in &taken {
            self.by_id.remove(&stored.message.id);
        }
        for alive in self.alive.values_mut() {
            alive.retain(|at| self.all.contains_key(at));
        }
        let bytes = taken
            .iter()
            .map(|stored| stored.message.body.len() as u64)
            .sum();
        PruneSummary {
            count: taken.len() as u64,
            bytes,
            more,
        }
    }
}

fn selects(selection: &MessageSelection, stored: &Stored) -> bool {
    let MessageSelection {
        ids,
        id_range,
        tenant,
        destination,
        plugin,
        event_type,
        event,
        text,
        states,
        since,
        until,
    } = selection;
    (ids.is_empty() || ids.contains(&stored.message.id))
        && id_range
            .as_ref()
            .is_none_or(|range| range.contains(&stored.message.id))
        && tenant
            .as_ref()
            .is_none_or(|tenant| *tenant == stored.plugin.tenant)
        && destination
            .as_ref()
            .is_none_or(|destination| *destination == stored.message.destination)
        && plugin
            .as_ref()
            .is_none_or(|plugin| *plugin == stored.plugin.name)
        && event_type
            .as_ref()
            .is_none_or(|wanted| stored.message.event_type.as_ref() == Some(wanted))
        && event.is_none_or(|event| event == stored.event)
        && text
            .as_ref()
            .is_none_or(|text| listing::contains(&stored.message.body, text))
        && (states.is_empty() || states.iter().any(|wanted| wanted == stored.state.name()))
        && since.is_none_or(|since| stored.created_at >= since)
        && until.is_none_or(|until| stored.created_at < until)
}

impl Stored {
    fn destination(&self) -> DestinationRef {
        DestinationRef {
            tenant: self.plugin.tenant.clone(),
            name: self.message.destination.clone(),
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.state, WorkState::Done | WorkState::Dead)
    }

    /// Since when it could have been claimed.
    fn due_since(&self) -> Timestamp {
        match self.state {
            WorkState::Pending => self.created_at,
            state => state.due_at().unwrap_or(self.created_at),
        }
    }

    fn summary(&self, behind: Option<Predecessor<MessageId>>) -> MessageSummary {
        MessageSummary {
            id: self.message.id,
            plugin: self.plugin.clone(),
            event: self.event,
            destination: self.message.destination.clone(),
            event_type: self.message.event_type.clone(),
            created_at: self.created_at,
            state: self.state,
            behind,
            deliveries: self.attempts,
            last_result: self
                .deliveries
                .last()
                .map(|(_, delivery)| delivery.result.to_string()),
            body_bytes: self.message.body.len() as u64,
        }
    }

    fn record(&self, behind: Option<Predecessor<MessageId>>) -> MessageRecord {
        MessageRecord {
            summary: self.summary(behind),
            ordering_key: self.message.ordering_key.clone(),
            replays: self.replays,
            body: self.message.body.clone(),
            deliveries: self.deliveries.clone(),
        }
    }
}
