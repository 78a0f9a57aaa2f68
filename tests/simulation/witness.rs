//! The witness: sees every call and its answer, looks at the whole store after each, and checks
//! that only what may change has changed.
//!
//! The invariants, each with an assertion below:
//!
//! - An event is stored once while its key counts, and stays until its jobs are over and it is
//!   pruned.
//! - A job changes only by a transition of the state machine that the call may cause.
//! - Only due jobs are given out, by a claim or an append, each to one worker at a time, in the order of their key, and with
//!   a correct number. No job of a quarantined plugin is given out.
//! - A job does not wait for more attempts than its maximum.
//! - What failed at a rolled-back revision is due once more, and nothing else is.
//! - A lease begins one attempt at the most, whether its job was claimed or handed over.
//! - An attempt is settled once, under its lease, with exactly one record. A call that is made again
//!   changes nothing.
//! - The effects of an attempt are there, once and within the quota, if its outcome is `Done`.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use hookyard_model::{
    Event, EventId, Limit, Next, Outcome, PluginName, PluginRef, Revision, SourceRef, Timestamp,
    WorkState,
};
use hookyard_store::{
    AppendResult, ClaimedJob, Error, EventPage, EventSelection, EventSummary, Events, JobLease,
    JobRequest, LeaseToken, MessagePage, MessageSelection, Outbox, Replay, ReplaySummary,
    Settlement, Values,
};
use hookyard_store_testing::MemoryStore;

use crate::call::{Answer, Call, describe, describe_answer};
use crate::life::{ATTEMPTS_MAX, LEASE, Life};
use crate::plugins::count;

/// What the store must hold, by the calls so far.
pub(crate) struct Witness {
    pub(crate) life: Life,
    is_verbose: bool,
    events: BTreeMap<EventId, KnownEvent>,
    keys: HashMap<(SourceRef, String), (EventId, Timestamp)>,
    quarantined: BTreeSet<PluginRef>,
    /// The plugins that dispatch has ever quarantined or tried to. Their faults may not have
    /// counted.
    failed_often: BTreeSet<PluginRef>,
    /// The values in each plugin's store.
    counts: BTreeMap<PluginRef, BTreeMap<String, u64>>,
    messages: usize,
    /// The tokens of the jobs that were claimed.
    claimed: HashSet<LeaseToken>,
    /// The tokens of the attempts that began, without those that a conflict lets begin again.
    begun: HashSet<LeaseToken>,
    /// The tokens of the attempts that were settled.
    settled: HashSet<LeaseToken>,
}

struct KnownEvent {
    event: Event,
    jobs: BTreeMap<PluginName, KnownJob>,
    /// Whether the event was discarded before it had a job.
    is_discarded: bool,
}

struct KnownJob {
    state: WorkState,
    attempts: u32,
    replays: u32,
    /// Whether the job has been done since the last replay.
    is_done: bool,
    records: usize,
    /// The revision on probation that the last attempt failed at.
    failed_on: Option<Revision>,
}

impl Witness {
    pub(crate) fn new(is_verbose: bool) -> Self {
        Self {
            life: Life::default(),
            is_verbose,
            events: BTreeMap::new(),
            keys: HashMap::new(),
            quarantined: BTreeSet::new(),
            failed_often: BTreeSet::new(),
            counts: BTreeMap::new(),
            messages: 0,
            claimed: HashSet::new(),
            begun: HashSet::new(),
            settled: HashSet::new(),
        }
    }

    /// Checks a job that a plugin begins.
    pub(crate) fn begun(&mut self, job: &ClaimedJob) {
        let ClaimedJob { lease, event, .. } = job;
        assert!(
            self.begun.insert(lease.token),
            "{} begins twice under {:?}",
            lease.event,
            lease.token
        );
        assert_eq!(
            **event, self.events[&lease.event].event,
            "the event as it was stored"
        );
        self.life.handed_over += u64::from(!self.claimed.contains(&lease.token));
    }

    /// Notes that dispatch is about to quarantine a plugin, whether or not the call succeeds.
    pub(crate) fn fails_often(&mut self, plugin: &PluginRef) {
        self.failed_often.insert(plugin.clone());
    }

    /// Checks a call: its rights by the state before it, and its changes by the state after it.
    pub(crate) fn see(
        &mut self,
        call: Call<'_>,
        answer: Result<Answer, &Error>,
        now: Timestamp,
        store: &MemoryStore,
    ) {
        self.note(&call, &answer, now);
        match (&call, &answer) {
            (Call::Append(event), Ok(Answer::Appended(appended))) => {
                self.appended(event, *appended, now);
            }
            (Call::Claim { wanted, .. }, Ok(Answer::Claimed(claimed))) => {
                self.claimed(wanted, claimed, now)
            }
            (Call::Settle(settlement), answer) => self.settled(settlement, answer, store),
            _ => {}
        }

        let failed = match call {
            Call::RetryFailed(plugin, revision) => self.failed_on(plugin, revision),
            _ => Vec::new(),
        };
        self.look(&call, &answer, now, store);
        if let Call::Append(event) = call {
            self.handed_over(event);
        }

        match (&call, &answer) {
            (Call::Replay(replay), Ok(Answer::Replayed(replayed))) => {
                self.replayed(replay, replayed, store)
            }
            (Call::Discard(discard), Ok(Answer::Discarded(discarded))) if !discard.dry_run => {
                self.life.discarded += discarded.jobs + discarded.events;
            }
            (Call::Quarantine(plugin), Ok(_)) => {
                self.quarantined.insert((*plugin).clone());
                self.life.quarantines += 1;
            }
            (Call::RetryFailed(plugin, _), Ok(Answer::Retried(count))) => {
                self.retried(plugin, &failed, *count)
            }
            (Call::Lift(plugin), Ok(_)) => {
                self.quarantined.remove(plugin);
            }
            _ => {}
        }
        self.effects_are_as_known(store);
    }

    fn note(&mut self, call: &Call<'_>, answer: &Result<Answer, &Error>, now: Timestamp) {
        let line = format!(
            "{} {} -> {}",
            now.unix_millis(),
            describe(call),
            describe_answer(answer)
        );

        if self.is_verbose {
            println!("{line}");
        }

        let mut hasher = DefaultHasher::new();
        (self.life.fingerprint, line).hash(&mut hasher);
        self.life.fingerprint = hasher.finish();
        self.life.calls += 1;
        self.life.idle +=
            u64::from(matches!(answer, Ok(Answer::Claimed(claimed)) if claimed.is_empty()));
    }

    /// Returns the events whose jobs wait or are dead because they failed while this revision was
    /// on probation.
    fn failed_on(&self, plugin: &PluginRef, revision: Revision) -> Vec<EventId> {
        let of_tenant = self
            .events
            .iter()
            .filter(|(_, known)| known.event.source.tenant == plugin.tenant);
        let has_failed = |job: &KnownJob| {
            matches!(job.state, WorkState::Waiting { .. } | WorkState::Dead)
                && job.failed_on == Some(revision)
        };

        of_tenant
            .filter(|(_, known)| known.jobs.get(&plugin.name).is_some_and(has_failed))
            .map(|(id, _)| *id)
            .collect()
    }

    fn retried(&mut self, plugin: &PluginRef, failed: &[EventId], count: u64) {
        assert_eq!(
            failed.len() as u64,
            count,
            "jobs of {plugin} that failed at the rolled-back revision"
        );

        for id in failed {
            let job = self
                .events
                .get_mut(id)
                .and_then(|known| known.jobs.get_mut(&plugin.name))
                .expect("it is known");
            assert!(
                matches!(job.state, WorkState::Pending | WorkState::Held),
                "{id} for {plugin} is {:?}",
                job.state
            );
            job.failed_on = None;
        }

        self.life.retried += count;
    }

    fn appended(&mut self, event: &Event, appended: AppendResult, now: Timestamp) {
        let key = (event.source.clone(), event.key.clone());
        let holder = self.keys.get(&key).filter(|(_, until)| now < *until);

        match appended {
            AppendResult::Repeat(first) | AppendResult::RepeatDiffers(first) => assert_eq!(
                Some(first),
                holder.map(|(id, _)| *id),
                "a repeat of nothing"
            ),
            AppendResult::New if self.is_known(event, holder) => self.life.repeated += 1,
            AppendResult::New => {
                assert!(
                    holder.is_none(),
                    "{} is stored although its key was taken",
                    event.id
                );
                let until = now.after(event.key_window);
                self.keys.insert(key, (event.id, until));
                self.events.insert(
                    event.id,
                    KnownEvent {
                        event: event.clone(),
                        jobs: BTreeMap::new(),
                        is_discarded: false,
                    },
                );
                self.life.events += 1;
            }
        }
    }

    /// Returns whether this very event has been stored, and perhaps been pruned since.
    fn is_known(&self, event: &Event, holder: Option<&(EventId, Timestamp)>) -> bool {
        self.events.contains_key(&event.id) || holder.is_some_and(|(id, _)| *id == event.id)
    }

    /// Checks the jobs of a new event that the store leased for the handover.
    fn handed_over(&self, event: &Event) {
        let Some(known) = self.events.get(&event.id) else {
            return;
        };
        for (name, job) in &known.jobs {
            if !matches!(job.state, WorkState::Leased { .. }) || job.records > 0 {
                continue;
            }
            let plugin = PluginRef {
                tenant: event.source.tenant.clone(),
                name: name.clone(),
            };
            assert!(
                !self.quarantined.contains(&plugin),
                "{plugin} is quarantined and was handed {}",
                event.id
            );
            self.is_first_of_its_key(event.id, &plugin);
            self.overtakes_nothing(event.id, &plugin);
        }
    }

    /// Checks that no earlier job of the plugin is pending. A job with a key may wait for another of
    /// its key.
    fn overtakes_nothing(&self, event: EventId, plugin: &PluginRef) {
        for (id, earlier) in self.events.range(..event) {
            let is_same_tenant = earlier.event.source.tenant == plugin.tenant;
            let job = earlier.jobs.get(&plugin.name).filter(|_| is_same_tenant);
            assert!(
                earlier.event.ordering_key.is_some()
                    || job.is_none_or(|job| job.state != WorkState::Pending),
                "{event} was handed over to {plugin} before {id}"
            );
        }
    }

    fn claimed(&mut self, wanted: &[JobRequest], claimed: &[ClaimedJob], now: Timestamp) {
        for want in wanted {
            let given = claimed
                .iter()
                .filter(|job| job.lease.plugin == want.plugin)
                .count();
            assert!(
                given <= want.limit,
                "{given} jobs of {} were given out, {} wanted",
                want.plugin,
                want.limit
            );
        }

        for ClaimedJob { lease, event, .. } in claimed {
            let JobLease {
                plugin, event: id, ..
            } = lease;
            assert!(
                !self.quarantined.contains(plugin),
                "{plugin} is quarantined and was given {id}"
            );
            let known = &self.events[id];
            assert_eq!(**event, known.event, "the event as it was stored");
            let job = &known.jobs[&plugin.name];
            let due = job.state.due_at();
            assert!(
                due.is_some_and(|due| due <= now),
                "{id} for {plugin} was given out {:?} at {now:?}",
                job.state
            );
            assert_eq!(
                (lease.replays, lease.attempt),
                (job.replays, job.attempts + 1),
                "{id} for {plugin}"
            );
            assert!(!job.is_done, "{id} is done by {plugin} and was given out");
            self.claimed.insert(lease.token);
            self.is_next_of_its_key(lease, claimed);
            let known = self.events.get_mut(id).expect("it is known");
            known
                .jobs
                .get_mut(&plugin.name)
                .expect("it has the job")
                .failed_on = None;
        }
    }

    /// Checks that all earlier events with the same key are over.
    fn is_next_of_its_key(&self, lease: &JobLease, claimed: &[ClaimedJob]) {
        let KnownEvent { jobs, .. } = &self.events[&lease.event];
        // An attempt whose lease was lost is repeated before an earlier event that has been
        // replayed.
        if matches!(jobs[&lease.plugin.name].state, WorkState::Leased { .. }) {
            return;
        }

        for id in self.is_first_of_its_key(lease.event, &lease.plugin) {
            let is_beside = claimed
                .iter()
                .any(|other| other.lease.event == id && other.lease.plugin == lease.plugin);
            assert!(
                !is_beside,
                "{} runs beside {id} of the same key",
                lease.event
            );
        }
    }

    /// Checks that the jobs of all earlier events with the same key are over, and returns these
    /// events.
    fn is_first_of_its_key(&self, event: EventId, plugin: &PluginRef) -> Vec<EventId> {
        let of_key = &self.events[&event].event;
        if of_key.ordering_key.is_none() {
            return Vec::new();
        }

        let mut before = Vec::new();
        for (id, earlier) in self.events.range(..event) {
            let is_same = earlier.event.source == of_key.source
                && earlier.event.ordering_key == of_key.ordering_key;
            let Some(job) = earlier.jobs.get(&plugin.name).filter(|_| is_same) else {
                continue;
            };
            assert!(
                job.state.is_over(),
                "{event} overtakes {id} ({:?}) of the same key",
                job.state
            );
            before.push(*id);
        }
        before
    }

    fn settled(
        &mut self,
        settlement: &Settlement,
        answer: &Result<Answer, &Error>,
        store: &MemoryStore,
    ) {
        let Settlement {
            lease,
            attempt,
            next,
            failed_on_probation,
            effects,
            ..
        } = settlement;

        if self.settled.contains(&lease.token) {
            assert!(answer.is_ok(), "{lease:?} was settled: {answer:?}");
            self.life.repeated += 1;
            return;
        }

        let job = self
            .events
            .get_mut(&lease.event)
            .and_then(|known| known.jobs.get_mut(&lease.plugin.name));
        let is_leased = |job: &KnownJob| {
            matches!(job.state, WorkState::Leased { .. })
                && (job.replays, job.attempts) == (lease.replays, lease.attempt)
        };

        let counts = self.counts.entry(lease.plugin.clone()).or_default();
        match answer {
            Ok(_) => {
                let job = job.expect("only what is stored is settled");
                assert!(is_leased(job), "{lease:?} was settled without its lease");
                self.settled.insert(lease.token);
                assert_eq!(
                    *next == Next::Done,
                    attempt.outcome == Outcome::Done,
                    "{lease:?}"
                );
                job.records += 1;
                job.failed_on = failed_on_probation.then_some(attempt.revision);
                let has_more = matches!(next, Next::Waiting { .. });
                let may_have_more =
                    attempt.number < ATTEMPTS_MAX || self.failed_often.contains(&lease.plugin);
                assert!(
                    !has_more || may_have_more,
                    "{lease:?} was the last, and it waits for another"
                );
                let record = at_once(store.read(lease.event))
                    .expect("in memory")
                    .expect("it is stored");
                let record = record
                    .jobs
                    .into_iter()
                    .find(|job| job.plugin == lease.plugin.name)
                    .expect("its job");
                assert_eq!(
                    record.attempts.len(),
                    job.records,
                    "one record for each attempt: {lease:?}"
                );
                assert_eq!(
                    record.attempts.last(),
                    Some(&(lease.replays, attempt.clone()))
                );
                if attempt.outcome != Outcome::Done {
                    self.life.dead += u64::from(*next == Next::Dead);
                    return;
                }
                assert!(!job.is_done, "{lease:?} is done a second time");
                job.is_done = true;
                self.life.done += 1;
                for write in &effects.writes {
                    let count = counts.entry(write.key.key.clone()).or_default();
                    *count += 1;
                    let written = write.value.as_deref().map(String::from_utf8_lossy);
                    assert_eq!(
                        written,
                        Some(count.to_string().into()),
                        "an update of {:?} is lost",
                        write.key
                    );
                }
                self.messages += effects.messages.len();
            }
            Err(Error::LeaseLost(_)) => assert!(
                !job.is_some_and(|job| is_leased(job)),
                "{lease:?} is not lost"
            ),
            Err(Error::Conflict(key)) => {
                self.life.conflicts += 1;
                // The attempt runs again under its lease.
                self.begun.remove(&lease.token);
                let write = effects
                    .writes
                    .iter()
                    .find(|write| write.key == *key)
                    .expect("it went by this key");
                let expected = (counts.get(&key.key).copied().unwrap_or(0) + 1).to_string();
                assert_ne!(
                    write.value.as_deref(),
                    Some(expected.as_bytes()),
                    "{key:?} has not changed"
                );
            }
            Err(Error::OverQuota { limit, max }) => {
                self.life.over_quota += 1;
                let added = effects
                    .writes
                    .iter()
                    .filter(|write| !counts.contains_key(&write.key.key))
                    .count();
                assert!(
                    *limit == Limit::KvKeys && (counts.len() + added) as u64 > *max,
                    "{lease:?} was within its quota"
                );
            }
            Err(error) => panic!("the store in memory failed: {error}"),
        }
    }

    /// Checks that only those events and jobs have changed that the call may change.
    fn look(
        &mut self,
        call: &Call<'_>,
        answer: &Result<Answer, &Error>,
        now: Timestamp,
        store: &MemoryStore,
    ) {
        let page = EventPage::first(EventSelection::default(), usize::MAX);
        let found = at_once(store.events(page)).expect("in memory");
        let ids: BTreeSet<_> = found.iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), found.len(), "an event is listed twice");
        self.gone(call, &ids, answer);
        for EventSummary {
            id,
            jobs,
            is_discarded,
            ..
        } in found
        {
            let known = self
                .events
                .get_mut(&id)
                .unwrap_or_else(|| panic!("{id} is stored and nobody sent it"));
            let may_discard = match call {
                Call::Discard(discard) => !discard.dry_run && discard.selection.matches_unrouted(),
                _ => false,
            };
            let may_take = matches!(call, Call::Route(_) | Call::Replay(_)) && !jobs.is_empty();
            let is_allowed = if is_discarded {
                may_discard && known.jobs.is_empty()
            } else {
                may_take
            };
            assert!(
                known.is_discarded == is_discarded || is_allowed,
                "{id}: discarded {is_discarded} by {}",
                describe(call)
            );
            known.is_discarded = is_discarded;
            for name in known.jobs.keys() {
                assert!(
                    jobs.iter().any(|job| job.plugin == *name),
                    "the job of {id} for {name} has left"
                );
            }
            for found in jobs {
                let plugin = PluginRef {
                    tenant: known.event.source.tenant.clone(),
                    name: found.plugin.clone(),
                };
                let before = known.jobs.get(&found.plugin).map(|job| job.state);
                let change = Change {
                    call,
                    answer,
                    now,
                    event: id,
                    plugin: &plugin,
                    before,
                    after: found.state,
                };
                assert!(
                    before == Some(found.state) || change.is_allowed(),
                    "{id} for {plugin}: {change}"
                );
                let new = KnownJob {
                    state: found.state,
                    attempts: 0,
                    replays: 0,
                    is_done: false,
                    records: 0,
                    failed_on: None,
                };
                let job = known.jobs.entry(found.plugin).or_insert(new);
                job.state = found.state;
                job.attempts = found.attempts;
            }
        }
    }

    fn gone(
        &mut self,
        call: &Call<'_>,
        there: &BTreeSet<EventId>,
        answer: &Result<Answer, &Error>,
    ) {
        let gone: Vec<_> = self
            .events
            .keys()
            .filter(|id| !there.contains(id))
            .copied()
            .collect();
        if !gone.is_empty() {
            let Ok(Answer::Pruned(pruned)) = answer else {
                panic!("{gone:?} went by {}", describe(call))
            };
            assert_eq!(pruned.count, gone.len() as u64);
        }

        for id in gone {
            let known = self.events.remove(&id).expect("it was known");
            let is_taken = !known.jobs.is_empty() || known.is_discarded;
            assert!(
                is_taken && known.jobs.values().all(|job| job.state.is_over()),
                "{id} was pruned before it was over"
            );
            self.life.pruned += 1;
        }
    }

    fn replayed(&mut self, replay: &Replay, replayed: &ReplaySummary, store: &MemoryStore) {
        let mut jobs = 0;
        for (id, known) in &mut self.events {
            let record = at_once(store.read(*id))
                .expect("in memory")
                .expect("it is stored");
            for found in record.jobs {
                let job = known
                    .jobs
                    .get_mut(&found.plugin)
                    .expect("it was just looked at");
                assert_eq!(
                    found.attempts.len(),
                    job.records,
                    "what was recorded of {id} is kept"
                );
                if found.replays != job.replays {
                    assert_eq!(
                        (found.replays, job.attempts),
                        (job.replays + 1, 0),
                        "{id}: counted from one again"
                    );
                    (job.replays, job.is_done, job.failed_on) = (found.replays, false, None);
                    jobs += 1;
                }
            }
        }

        assert_eq!(
            jobs,
            if replay.dry_run {
                0
            } else {
                replayed.replayed - replayed.created
            }
        );

        self.life.replayed += jobs;
    }

    /// Checks that the plugins' stores and the outbox hold the effects of settled attempts, and
    /// nothing else.
    fn effects_are_as_known(&self, store: &MemoryStore) {
        for (plugin, counts) in &self.counts {
            let usage = at_once(store.usage(plugin)).expect("in memory");
            assert_eq!(usage.keys, counts.len() as u64, "keys of {plugin}");
            for (key, count) in counts.iter().filter(|(key, _)| *key == "total") {
                let key = hookyard_model::Key {
                    bucket: "counts".into(),
                    key: key.clone(),
                };
                let found = at_once(store.value(plugin, &key))
                    .expect("in memory")
                    .expect("it was written");
                assert_eq!(self::count(&found), *count, "{plugin} counted wrong");
            }
        }

        let everything = MessagePage::first(MessageSelection::default(), usize::MAX);
        let messages = at_once(store.messages(everything)).expect("in memory");
        assert_eq!(messages.len(), self.messages, "messages in the outbox");
    }

    /// Returns whether all acknowledged events are over or pruned.
    pub(crate) fn all_over(&self) -> bool {
        self.events.values().all(|known| {
            (!known.jobs.is_empty() || known.is_discarded)
                && known.jobs.values().all(|job| job.state.is_over())
        })
    }

    /// Describes the jobs that are not over.
    pub(crate) fn open(&self) -> Vec<String> {
        let jobs = self
            .events
            .iter()
            .flat_map(|(id, known)| known.jobs.iter().map(move |(name, job)| (id, name, job)));
        jobs.filter(|(_, _, job)| !job.state.is_over())
            .map(|(id, name, job)| {
                format!("{id} for {name}: {:?} after {}", job.state, job.attempts)
            })
            .collect()
    }

    /// Returns the ids of all stored events.
    pub(crate) fn ids(&self) -> Vec<EventId> {
        self.events.keys().copied().collect()
    }

    /// Returns the quarantined plugins.
    pub(crate) fn quarantined(&self) -> Vec<PluginRef> {
        self.quarantined.iter().cloned().collect()
    }
}

/// A change of one job's state through one call.
struct Change<'c> {
    call: &'c Call<'c>,
    answer: &'c Result<Answer, &'c Error>,
    now: Timestamp,
    event: EventId,
    plugin: &'c PluginRef,
    before: Option<WorkState>,
    after: WorkState,
}

impl Change<'_> {
    fn is_allowed(&self) -> bool {
        use WorkState::{Done, Held, Leased, Pending, Waiting};
        let Ok(answer) = self.answer else {
            return false;
        };

        let is_mine = |lease: &JobLease| lease.event == self.event && lease.plugin == *self.plugin;
        match (self.call, self.before, self.after) {
            (Call::Append(event), None, Pending | Held) => event.id == self.event,
            (Call::Append(event), None, Leased { until }) => {
                event.id == self.event && until == self.now.after(LEASE)
            }
            (Call::Route(_), None | Some(Held), Pending | Held) => true,
            (Call::Route(_), Some(Pending | Waiting { .. }), Held) => true,
            (Call::Quarantine(plugin), Some(Pending | Waiting { .. }), Held) => {
                *plugin == self.plugin
            }
            (Call::Lift(plugin), Some(Held), Pending) => *plugin == self.plugin,
            (
                Call::RetryFailed(plugin, _),
                Some(Waiting { .. } | WorkState::Dead),
                Pending | Held,
            ) => *plugin == self.plugin,
            (
                Call::Claim { lease, .. },
                Some(Pending | Waiting { .. } | Leased { .. }),
                Leased { until },
            ) => {
                let Answer::Claimed(claimed) = answer else {
                    return false;
                };
                until == self.now.after(*lease) && claimed.iter().any(|job| is_mine(&job.lease))
            }
            // The plugin lost the source while an attempt was under way whose host died.
            (Call::Claim { .. }, Some(Leased { until }), Held) => until <= self.now,
            (Call::Extend(leases), Some(Leased { until: before }), Leased { until }) => {
                until > before && leases.iter().any(is_mine)
            }
            (Call::GiveBack(leases), Some(Leased { .. }), Pending | Held) => {
                leases.iter().any(is_mine)
            }
            (Call::Settle(settlement), Some(Leased { .. }), after) => {
                let next = settlement.next.at(self.now);
                is_mine(&settlement.lease)
                    && (after == next || (after == Held && !matches!(next, Done | WorkState::Dead)))
            }
            (
                Call::Discard(discard),
                Some(Pending | Waiting { .. } | Held | WorkState::Dead),
                WorkState::Discarded,
            ) => !discard.dry_run,
            // A replay that names a plugin creates its missing jobs.
            (Call::Replay(replay), None, Pending | Waiting { .. } | Held) => {
                !replay.dry_run && replay.selection.creates_jobs()
            }
            (Call::Replay(replay), Some(before), Pending | Waiting { .. } | Held) => {
                !replay.dry_run && !matches!(before, Leased { .. })
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} became {:?} by {}",
            self.before,
            self.after,
            describe(self.call)
        )
    }
}

/// Returns the result of a call that does not wait.
fn at_once<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("the store in memory does not wait"),
    }
}
