//! The outbox in memory.
//!
//! The first message of an ordering key is computed anew each time from the unsent messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{
    Delivery, DestinationRef, EventId, Message, MessageId, PluginRef, Timestamp, WorkState,
};
use hookyard_store::{
    AuditEntry, ClaimedMessage, DELIVERIES_MAX, DisabledDestination, Error, Hint, LeaseToken,
    MessageLease, MessagePage, MessageRecord, MessageReplay, MessageRequest, MessageSelection,
    MessageSettlement, MessageSummary, Outbox, OutboxQuota, OutboxUsage, Predecessor, PruneSummary,
    ReplaySummary, Retention, transitions,
};

use super::{MemoryStore, State, Tokens, list};

#[async_trait]
impl Outbox for MemoryStore {
    async fn claim_messages(
        &self,
        requests: &[MessageRequest],
        lease: Duration,
    ) -> Result<Vec<ClaimedMessage>, Error> {
        let now = self.clock.now();
        let State { outbox, tokens, .. } = &mut *self.state();

        let mut claimed = Vec::new();
        for request in requests {
            for at in outbox.due(request, now) {
                claimed.extend(outbox.lease(at, now, now.after(lease), tokens));
            }
        }
        for ClaimedMessage {
            lease, destination, ..
        } in &claimed
        {
            self.tell_of_message(lease.id, destination.clone());
        }
        Ok(claimed)
    }

    async fn extend_messages(&self, leases: &[MessageLease], lease: Duration) -> Result<(), Error> {
        let until = self.clock.now().after(lease);
        let outbox = &mut self.state().outbox;
        for lease in leases {
            if let Some((at, WorkState::Leased { until: current })) = outbox.leased(lease) {
                let until = until.max(current);
                outbox.put(at, WorkState::Leased { until });
            }
        }

        Ok(())
    }

    async fn give_back_messages(&self, leases: &[MessageLease]) -> Result<(), Error> {
        let outbox = &mut self.state().outbox;
        for lease in leases {
            let Some((at, leased)) = outbox.leased(lease) else {
                continue;
            };
            if let Ok(next) = transitions::give_back(leased, true) {
                outbox.put(at, next).deliveries_begun -= 1;
            }
        }
        self.outbox_changed.notify_one();

        Ok(())
    }

    async fn settle_message(&self, settlement: MessageSettlement) -> Result<(), Error> {
        let State { outbox, tokens, .. } = &mut *self.state();
        let token = settlement.lease.token;
        if tokens.settled.contains(&token) {
            return Ok(());
        }

        let (id, disables) = (settlement.lease.id, settlement.disable.is_some());
        let destination = outbox.settle(settlement, self.clock.now())?;
        if disables {
            self.feed.tell(Hint::Destination(destination.clone()));
        }
        self.tell_of_message(id, destination);
        tokens.settled.insert(token);
        self.outbox_changed.notify_one();

        Ok(())
    }

    async fn next_message_due(
        &self,
        destinations: &[DestinationRef],
    ) -> Result<Option<Duration>, Error> {
        let now = self.clock.now();
        let outbox = &self.state().outbox;
        let claimable = destinations
            .iter()
            .flat_map(|destination| outbox.claimable(destination));

        Ok(claimable
            .filter_map(|at| outbox.all[&at].state.due_at())
            .map(|due| due.since(now))
            .min())
    }

    async fn outbox_changed(&self) {
        self.outbox_changed.notified().await;
    }

    async fn messages(&self, page: MessagePage) -> Result<Vec<MessageSummary>, Error> {
        Ok(self.state().outbox.page(&page))
    }

    async fn message(&self, id: MessageId) -> Result<Option<MessageRecord>, Error> {
        let outbox = &self.state().outbox;
        let at = outbox.by_id.get(&id);

        Ok(at.map(|at| outbox.all[at].record(outbox.predecessor(*at))))
    }

    async fn replay_messages(&self, replay: MessageReplay) -> Result<ReplaySummary, Error> {
        let summary = self.state().outbox.replay(&replay);
        if !replay.dry_run {
            self.outbox_changed.notify_one();
            self.feed.tell(Hint::Everything);
        }

        Ok(summary)
    }

    async fn disable(&self, disabled: DisabledDestination) -> Result<(), Error> {
        let outbox = &mut self.state().outbox;
        outbox
            .disabled
            .insert(disabled.destination.clone(), disabled);

        Ok(())
    }

    async fn enable(
        &self,
        destination: &DestinationRef,
        audit: Option<AuditEntry>,
    ) -> Result<bool, Error> {
        let was_disabled = self.state().outbox.disabled.remove(destination).is_some();
        self.outbox_changed.notify_one();
        if was_disabled {
            self.note(audit);
            self.feed.tell(Hint::Destination(destination.clone()));
        }

        Ok(was_disabled)
    }

    async fn disabled(&self) -> Result<Vec<DisabledDestination>, Error> {
        Ok(self.state().outbox.disabled.values().cloned().collect())
    }

    async fn unsent(&self) -> Result<Vec<(PluginRef, OutboxUsage)>, Error> {
        Ok(self.state().outbox.usage_by_plugin().into_iter().collect())
    }

    async fn unsent_destinations(&self) -> Result<Vec<DestinationRef>, Error> {
        let unsent = &self.state().outbox.unsent;

        Ok(unsent
            .iter()
            .filter(|(_, messages)| !messages.is_empty())
            .map(|(destination, _)| destination.clone())
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

/// The messages of settled attempts.
impl MemoryStore {
    fn tell_of_message(&self, id: MessageId, destination: DestinationRef) {
        self.feed.tell(Hint::Message { id, destination });
    }
}

#[derive(Default)]
pub(super) struct Messages {
    /// The messages by the number of their commit, which names a message everywhere in this module.
    all: BTreeMap<usize, Stored>,
    /// The number of messages that have ever been committed.
    committed: usize,
    by_id: BTreeMap<MessageId, usize>,
    /// The messages of each destination that are neither done nor dead.
    unsent: BTreeMap<DestinationRef, BTreeSet<usize>>,
    disabled: BTreeMap<DestinationRef, DisabledDestination>,
}

struct Stored {
    message: Message,
    trace: Option<String>,
    plugin: PluginRef,
    event: EventId,
    created_at: Timestamp,
    state: WorkState,
    replays: u32,
    /// The number of deliveries that have begun since the last replay.
    deliveries_begun: u32,
    /// The number of these deliveries that do not count.
    spared: u32,
    /// The proof of the current lease, or of the last one.
    token: Option<LeaseToken>,
    /// The time at which the age of the message starts.
    since: Timestamp,
    /// The ended deliveries, each with the number of replays before it.
    deliveries: Vec<(u32, Delivery)>,
}

impl Messages {
    pub(super) fn add(
        &mut self,
        plugin: &PluginRef,
        event: EventId,
        message: Message,
        trace: Option<String>,
        now: Timestamp,
    ) {
        let at = self.committed;
        self.committed += 1;
        self.by_id.insert(message.id, at);

        let stored = Stored {
            message,
            trace,
            plugin: plugin.clone(),
            event,
            created_at: now,
            state: WorkState::Pending,
            replays: 0,
            deliveries_begun: 0,
            spared: 0,
            token: None,
            since: now,
            deliveries: Vec::new(),
        };
        self.all.insert(at, stored);
        self.put(at, WorkState::Pending);
    }

    /// Changes the state of a message. No other function does.
    fn put(&mut self, at: usize, next: WorkState) -> &mut Stored {
        let stored = self
            .all
            .get_mut(&at)
            .expect("callers name a stored message");
        stored.state = next;

        let unsent = self.unsent.entry(stored.destination()).or_default();
        if stored.is_over() {
            unsent.remove(&at);
        } else {
            unsent.insert(at);
        }

        stored
    }

    /// Returns the messages to a destination that may be claimed, in the order of their commit.
    fn claimable(&self, destination: &DestinationRef) -> BTreeSet<usize> {
        if self.disabled.contains_key(destination) {
            BTreeSet::new()
        } else {
            self.heads(destination)
        }
    }

    /// Returns the message that must be over before this message is claimed.
    fn predecessor(&self, at: usize) -> Option<Predecessor<MessageId>> {
        let stored = &self.all[&at];
        let heads = self.heads(&stored.destination());
        if stored.is_over() || heads.contains(&at) {
            return None;
        }

        let head = heads
            .iter()
            .map(|head| &self.all[head])
            .find(|head| head.message.ordering_key == stored.message.ordering_key)?;
        Some(Predecessor {
            id: head.message.id,
            state: head.state,
        })
    }

    /// Returns the first unsent message of each ordering key, and every unsent message without a
    /// key.
    fn heads(&self, destination: &DestinationRef) -> BTreeSet<usize> {
        let mut by_key = HashMap::<&str, usize>::new();
        let mut heads = BTreeSet::new();

        for at in self.unsent.get(destination).into_iter().flatten().copied() {
            let stored = &self.all[&at];
            let Some(key) = &stored.message.ordering_key else {
                heads.insert(at);
                continue;
            };

            let head = by_key.entry(key).or_insert(at);
            // A replay may bring an earlier message back. It waits while a later message is being
            // sent.
            if matches!(stored.state, WorkState::Leased { .. }) {
                *head = at;
            }
        }

        heads.extend(by_key.into_values());
        heads
    }

    /// Returns the messages that a request may claim, those that have been due for the longest time
    /// first.
    fn due(&self, request: &MessageRequest, now: Timestamp) -> Vec<usize> {
        let (pending, timed): (Vec<_>, Vec<_>) = self
            .claimable(&request.destination)
            .into_iter()
            .filter(|at| self.all[at].state.due_at().is_some_and(|due| due <= now))
            .partition(|at| self.all[at].state == WorkState::Pending);

        let mut due: Vec<_> = pending
            .into_iter()
            .take(request.limit)
            .chain(timed)
            .collect();
        due.sort_by_key(|at| (self.all[at].due_since(), *at));
        due.truncate(request.limit);
        due
    }

    fn lease(
        &mut self,
        at: usize,
        now: Timestamp,
        until: Timestamp,
        tokens: &mut Tokens,
    ) -> Option<ClaimedMessage> {
        let claim = transitions::claim(self.all[&at].state, true, until, now);
        let transitions::Claim::Lease(next) = claim else {
            return None;
        };

        let token = tokens.next();
        let stored = self.put(at, next);
        stored.token = Some(token);
        stored.deliveries_begun += 1;
        Some(ClaimedMessage {
            lease: MessageLease {
                id: stored.message.id,
                replays: stored.replays,
                delivery: stored.deliveries_begun,
                token,
            },
            destination: stored.destination(),
            plugin: stored.plugin.clone(),
            event: stored.event,
            event_type: stored.message.event_type.clone(),
            body: stored.message.body.clone(),
            since: stored.since,
            spared: stored.spared,
            trace: stored.trace.clone(),
        })
    }

    /// Returns the number and the state of the message, if the message is under this lease.
    fn leased(&self, lease: &MessageLease) -> Option<(usize, WorkState)> {
        let at = *self.by_id.get(&lease.id)?;
        let stored = &self.all[&at];
        let is_same_lease = (stored.replays, stored.deliveries_begun)
            == (lease.replays, lease.delivery)
            && stored.token == Some(lease.token)
            && matches!(stored.state, WorkState::Leased { .. });

        is_same_lease.then_some((at, stored.state))
    }

    fn settle(
        &mut self,
        settlement: MessageSettlement,
        now: Timestamp,
    ) -> Result<DestinationRef, Error> {
        let MessageSettlement {
            lease,
            delivery,
            next,
            is_spared,
            disable,
        } = settlement;
        let Some((at, _)) = self.leased(&lease) else {
            return Err(Error::MessageLeaseLost(lease));
        };

        let ended_at = delivery.started_at.after(delivery.duration);
        let stored = self.put(at, next.at(now));
        stored.deliveries.push((lease.replays, delivery));
        let surplus = stored.deliveries.len().saturating_sub(DELIVERIES_MAX);
        stored.deliveries.drain(..surplus);
        stored.spared += u32::from(is_spared);

        let destination = stored.destination();
        if let Some(reason) = disable {
            let disabled = DisabledDestination {
                destination: destination.clone(),
                reason,
                since: ended_at,
            };
            self.disabled.insert(destination.clone(), disabled);
        }
        Ok(destination)
    }

    pub(super) fn page(&self, page: &MessagePage) -> Vec<MessageSummary> {
        list::in_order(&self.all, &self.by_id, page.order, page.after)
            .filter(|stored| matches(&page.selection, stored))
            .take(page.limit)
            .map(|stored| stored.summary(self.predecessor(self.by_id[&stored.message.id])))
            .collect()
    }

    fn replay(&mut self, replay: &MessageReplay) -> ReplaySummary {
        let mut summary = ReplaySummary::default();
        let selected: Vec<_> = self
            .all
            .iter()
            .filter(|(_, stored)| matches(&replay.selection, stored))
            .map(|(at, _)| *at)
            .collect();

        for at in selected {
            let due = transitions::replay_due(replay.now, replay.rate, summary.replayed);
            let Ok(next) = transitions::replay(self.all[&at].state, due, true) else {
                summary.leased += 1;
                continue;
            };

            summary.replayed += 1;
            if !replay.dry_run {
                let stored = self.put(at, next);
                stored.replays += 1;
                stored.deliveries_begun = 0;
                stored.spared = 0;
                stored.since = due.unwrap_or(replay.now);
            }
        }

        summary
    }

    /// Returns the unsent messages of each plugin that has some.
    fn usage_by_plugin(&self) -> BTreeMap<PluginRef, OutboxUsage> {
        let mut by_plugin = BTreeMap::<PluginRef, OutboxUsage>::new();

        for at in self.unsent.values().flatten() {
            let stored = &self.all[at];
            let usage = by_plugin.entry(stored.plugin.clone()).or_default();
            *usage = usage.plus(OutboxUsage::of([&stored.message]));
        }

        by_plugin
    }

    /// Returns the error that prevents `added` more messages of a plugin, if any.
    pub(super) fn exceeded(
        &self,
        plugin: &PluginRef,
        quota: OutboxQuota,
        added: OutboxUsage,
    ) -> Option<Error> {
        let by_plugin = self.usage_by_plugin();
        let of_plugin = by_plugin.get(plugin).copied().unwrap_or_default();
        let of_tenant = by_plugin
            .iter()
            .filter(|(other, _)| other.tenant == plugin.tenant)
            .map(|(_, usage)| *usage)
            .fold(OutboxUsage::default(), OutboxUsage::plus);

        quota.exceeded(of_plugin, of_tenant, added)
    }

    fn prune(&mut self, retention: &Retention, now: Timestamp, limit: usize) -> PruneSummary {
        let mut expired: Vec<_> = self
            .all
            .iter()
            .filter(|(_, stored)| stored.is_expired(retention, now))
            .collect();
        expired.sort_by_key(|(at, stored)| (&stored.plugin.tenant, stored.created_at, **at));

        let mut summary = PruneSummary {
            more: expired.len() > limit,
            ..PruneSummary::default()
        };
        let expired: Vec<_> = expired.into_iter().take(limit).map(|(at, _)| *at).collect();
        for at in expired {
            let Some(stored) = self.all.remove(&at) else {
                continue;
            };
            self.by_id.remove(&stored.message.id);
            summary.count += 1;
            summary.bytes += stored.message.body.len() as u64;
        }

        for unsent in self.unsent.values_mut() {
            unsent.retain(|at| self.all.contains_key(at));
        }
        summary
    }
}

/// Returns whether the selection matches the message.
fn matches(selection: &MessageSelection, stored: &Stored) -> bool {
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
            .is_none_or(|event_type| stored.message.event_type.as_ref() == Some(event_type))
        && event.is_none_or(|event| event == stored.event)
        && text
            .as_ref()
            .is_none_or(|text| list::contains(&stored.message.body, text))
        && (states.is_empty() || states.iter().any(|name| name == stored.state.name()))
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

    fn is_expired(&self, retention: &Retention, now: Timestamp) -> bool {
        let limits = retention.limits_of(&self.plugin.tenant);
        let is_past = |since: Timestamp, age: Option<Duration>| {
            age.is_some_and(|age| since.after(age) <= now)
        };
        let is_unsent = !matches!(self.state, WorkState::Done | WorkState::Leased { .. });

        (self.is_over() && is_past(self.created_at, limits.age_max))
            || (is_unsent && is_past(self.since, limits.unsent_max_age))
    }

    /// Returns the time since which the message could have been claimed.
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
            deliveries: self.deliveries_begun,
            last_result: self
                .deliveries
                .last()
                .map(|(_, delivery)| delivery.result.to_string()),
            ended_at: self.ended_at(),
            body_bytes: self.message.body.len() as u64,
        }
    }

    fn ended_at(&self) -> Option<Timestamp> {
        let (_, last) = self.deliveries.last().filter(|_| self.is_over())?;
        Some(last.started_at.after(last.duration))
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
