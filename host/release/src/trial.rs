//! Watches over revisions that are new in service. When one fails more often than the one before did, is
//! `hookyard_model::Probation`'s to say; the keeper of the folder puts the one before back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookyard_dispatch::Probation;
use hookyard_model::quarantine::AttemptEnd;
use hookyard_model::{Attempt, Clock, PluginRef, ProbationPolicy, Revision, Timestamp};
use hookyard_store::ClaimedJob;
use tokio::sync::Notify;

/// All revisions that are active.
pub struct Trials {
    clock: Arc<dyn Clock>,
    policy: Mutex<Option<ProbationPolicy>>,
    plugins: Mutex<HashMap<PluginRef, Trial>>,
    failed: Notify,
}

struct Trial {
    revision: Revision,
    probation: hookyard_model::Probation,
    /// Why it's to be taken back.
    failed: Option<String>,
    /// One that was taken back lately, and may have attempts that aren't over.
    taken_back: Option<Revision>,
}

/// One that becomes active.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begin {
    pub(super) revision: Revision,
    /// From when on it is watched, since there's one to go back to.
    pub(super) watched_since: Option<Timestamp>,
    /// The one before, where that is refused from now on.
    pub(super) taken_back: Option<Revision>,
}

/// One that is to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) plugin: PluginRef,
    pub(super) revision: Revision,
    pub(super) reason: String,
}

impl Trials {
    pub fn new(clock: Arc<dyn Clock>, policy: Option<ProbationPolicy>) -> Self {
        Self {
            clock,
            policy: Mutex::new(policy),
            plugins: Mutex::default(),
            failed: Notify::new(),
        }
    }

    /// From now on this is the policy.
    pub(super) fn replace(&self, policy: Option<ProbationPolicy>) {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    /// A revision is active, in the place of one that was taken back where that is said.
    pub(super) fn begin(
        &self,
        plugin: &PluginRef,
        Begin {
            revision,
            watched_since,
            taken_back,
        }: Begin,
    ) {
        let mut plugins = self.plugins();
        let before = plugins.remove(plugin);
        if before
            .as_ref()
            .is_some_and(|before| before.revision == revision)
        {
            plugins.extend(before.map(|before| (plugin.clone(), before)));
            return;
        }
        let probation = match (&before, watched_since) {
            (_, None) => hookyard_model::Probation::closed(),
            (Some(before), Some(since)) => before.probation.next(since),
            (None, Some(since)) => hookyard_model::Probation::closed().next(since),
        };
        let taken_back = taken_back
            .or(before.and_then(|before| before.taken_back))
            .filter(|back| *back != revision);
        plugins.insert(
            plugin.clone(),
            Trial {
                revision,
                probation,
                failed: None,
                taken_back,
            },
        );
    }

    /// A plugin isn't there any more.
    pub(super) fn end(&self, plugin: &PluginRef) {
        self.plugins().remove(plugin);
    }

    /// There is nothing to go back to, or the operator wants just this one: it's watched no more.
    pub(super) fn settle(&self, plugin: &PluginRef) {
        if let Some(trial) = self.plugins().get_mut(plugin) {
            trial.probation = hookyard_model::Probation::closed();
            trial.failed = None;
        }
    }

    /// Returns once some revision may be to be taken back since this was last called.
    pub(super) async fn failed(&self) {
        self.failed.notified().await;
    }

    /// Those that are to be taken back.
    pub(super) fn failures(&self) -> Vec<Failed> {
        let plugins = self.plugins();
        let failed = plugins.iter().filter_map(|(plugin, trial)| {
            let reason = trial.failed.clone()?;
            Some(Failed {
                plugin: plugin.clone(),
                revision: trial.revision,
                reason,
            })
        });
        failed.collect()
    }

    fn policy(&self) -> Option<ProbationPolicy> {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, trial: &mut Trial, reason: String) {
        if trial.failed.is_none() {
            trial.failed = Some(reason);
            self.failed.notify_one();
        }
    }

    fn plugins(&self) -> MutexGuard<'_, HashMap<PluginRef, Trial>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Probation for Trials {
    fn note(&self, job: &ClaimedJob, attempt: &Attempt) -> bool {
        let Some(policy) = self.policy() else {
            return false;
        };
        let now = self.clock.now();
        let mut plugins = self.plugins();
        let Some(trial) = plugins.get_mut(&job.lease.plugin) else {
            return false;
        };
        if trial.revision != attempt.revision {
            return trial.taken_back == Some(attempt.revision);
        }
        let ended = AttemptEnd {
            event: job.lease.event,
            at: now,
            is_fault: attempt.outcome.is_fault(),
        };
        let is_open = trial.probation.is_open(&policy, now);
        if let Some(regression) = trial.probation.record(ended, &policy) {
            let reason = format!("{regression}; the last time it was {}", attempt.outcome);
            self.fail(trial, reason);
        }
        is_open || trial.failed.is_some()
    }

    fn is_taken_back(&self, plugin: &PluginRef, revision: Revision) -> bool {
        self.plugins()
            .get(plugin)
            .is_some_and(|trial| trial.taken_back == Some(revision))
    }

    fn take_back(&self, plugin: &PluginRef, revision: Revision, reason: &str) -> bool {
        let Some(policy) = self.policy() else {
            return false;
        };
        let now = self.clock.now();
        let mut plugins = self.plugins();
        let Some(trial) = plugins
            .get_mut(plugin)
            .filter(|trial| trial.revision == revision)
        else {
            return false;
        };
        if trial.failed.is_none() && trial.probation.regression(&policy, now).is_none() {
            return false;
        }
        self.fail(trial, reason.to_owned());
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use bytes::Bytes;
    use hookyard_model::{Event, EventId, Outcome, Payload};
    use hookyard_store::JobLease;
    use uuid::Uuid;

    use super::*;

    const POLICY: ProbationPolicy = ProbationPolicy {
        probation: Duration::from_secs(60),
        events_min: 3,
        faults_min: 2,
        worse: 0.2,
    };

    #[derive(Default)]
    struct Seconds(AtomicI64);

    impl Clock for Seconds {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_secs(self.0.load(Ordering::Relaxed))
        }
    }

    struct Yard {
        clock: Arc<Seconds>,
        trials: Trials,
    }

    impl Yard {
        /// Where revision 1 serves and did well.
        fn new() -> Self {
            let clock = Arc::new(Seconds::default());
            let trials = Trials::new(Arc::clone(&clock) as Arc<dyn Clock>, Some(POLICY));
            let yard = Self { clock, trials };
            yard.begin(1, None, None);
            for event in 100..110 {
                assert!(!yard.note(event, 1, Outcome::Done));
            }
            yard
        }

        fn replaced(self) -> Self {
            self.begin(2, Some(self.clock.now()), None);
            self
        }

        fn begin(&self, number: u8, watched_since: Option<Timestamp>, taken_back: Option<u8>) {
            let begin = Begin {
                revision: revision(number),
                watched_since,
                taken_back: taken_back.map(revision),
            };
            self.trials.begin(&plugin(), begin);
        }

        fn note(&self, event: u64, of: u8, outcome: Outcome) -> bool {
            let attempt = Attempt {
                number: 1,
                revision: revision(of),
                started_at: self.clock.now(),
                duration: Duration::ZERO,
                outcome,
                log: Vec::new(),
            };
            self.trials.note(&job(event), &attempt)
        }

        fn failed(&self) -> Vec<Revision> {
            self.trials
                .failures()
                .into_iter()
                .map(|failed| failed.revision)
                .collect()
        }
    }

    fn plugin() -> PluginRef {
        PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "books".parse().expect("a name"),
        }
    }

    fn revision(number: u8) -> Revision {
        Revision::from_sha256([number; 32])
    }

    fn trapped() -> Outcome {
        Outcome::Trapped {
            message: "unreachable".into(),
        }
    }

    fn job(number: u64) -> ClaimedJob {
        let event = Event {
            id: EventId::from_uuid(Uuid::from_u64_pair(1, number)),
            source: hookyard_model::SourceRef {
                tenant: "acme".parse().expect("a name"),
                name: "orders".parse().expect("a name"),
            },
            provider: "topi".into(),
            event_type: None,
            key: number.to_string(),
            received_at: Timestamp::from_unix_secs(0),
            headers: Vec::new(),
            body: Bytes::new(),
            payload: Payload::Body,
            ordering_key: None,
            key_until: Timestamp::from_unix_secs(0),
        };
        let lease = JobLease {
            event: event.id,
            plugin: plugin(),
            replays: 0,
            attempt: 1,
        };
        let (until, since) = (Timestamp::from_unix_secs(0), Timestamp::from_unix_secs(0));
        ClaimedJob {
            lease,
            until,
            event: Arc::new(event),
            since,
            due: since,
            revision: None,
            spared: 0,
        }
    }

    #[tokio::test]
    async fn one_that_does_worse_is_to_be_taken_back_and_its_attempts_are_its_own() {
        let yard = Yard::new().replaced();
        assert!(yard.note(1, 2, trapped()) && yard.note(2, 2, Outcome::Done));
        assert_eq!(yard.failed(), []);
        assert!(yard.note(3, 2, trapped()));
        yard.trials.failed().await;
        let [failed] = <[_; 1]>::try_from(yard.trials.failures()).expect("one");
        assert_eq!(
            failed.reason,
            "it failed at 2 of 3 events, the previous revision at 0 of 10; the last time it was trapped: unreachable"
        );
        assert!(
            !yard.trials.is_taken_back(&plugin(), revision(2)),
            "it serves still"
        );
        yard.begin(1, None, Some(2));
        assert_eq!(yard.failed(), []);
        assert!(
            yard.note(4, 2, trapped()),
            "what was under way when it was taken back"
        );
        assert!(yard.trials.is_taken_back(&plugin(), revision(2)));
        yard.begin(2, Some(yard.clock.now()), None);
        assert!(
            !yard.trials.is_taken_back(&plugin(), revision(2)),
            "the operator let it serve again"
        );
        yard.begin(1, None, Some(2));
        assert!(
            !yard.note(5, 1, trapped()),
            "the one that is back has nothing to go back to"
        );
    }

    #[test]
    fn one_that_runs_out_of_time_more_often_is_to_be_taken_back() {
        let timed_out = || Outcome::TimedOut {
            limit: hookyard_model::TimeLimit::Cpu,
            max: Duration::from_secs(1),
        };
        let yard = Yard::new().replaced();
        yard.note(1, 2, timed_out());
        yard.note(2, 2, Outcome::Done);
        assert_eq!(yard.failed(), []);
        yard.note(3, 2, timed_out());
        assert_eq!(yard.failed(), [revision(2)]);
    }

    #[test]
    fn a_handlers_own_words_are_no_failure() {
        let yard = Yard::new().replaced();
        for event in 0..20 {
            yard.note(
                event,
                2,
                Outcome::Retry {
                    reason: "later".into(),
                    after: None,
                },
            );
            yard.note(
                event + 50,
                2,
                Outcome::Rejected {
                    reason: "no".into(),
                },
            );
        }
        assert_eq!(yard.failed(), []);
    }

    #[test]
    fn time_ends_the_watch() {
        let yard = Yard::new().replaced();
        yard.clock.0.store(61, Ordering::Relaxed);
        assert!((0..20).all(|event| !yard.note(event, 2, trapped())));
        assert!(!yard.trials.take_back(&plugin(), revision(2), "too often"));
        assert_eq!(yard.failed(), []);
    }

    #[test]
    fn what_dispatch_would_quarantine_goes_back_where_the_one_before_did_better() {
        let yard = Yard::new().replaced();
        assert!(
            !yard.trials.take_back(&plugin(), revision(2), "too often"),
            "it has done nothing yet"
        );
        yard.note(1, 2, trapped());
        assert!(
            !yard.trials.take_back(&plugin(), revision(1), "too often"),
            "it isn't the active one"
        );
        assert!(
            yard.trials.take_back(&plugin(), revision(2), "too often"),
            "however few its events"
        );
        assert_eq!(yard.failed(), [revision(2)]);

        let alone = Yard::new();
        alone.note(1, 1, trapped());
        assert!(
            !alone.trials.take_back(&plugin(), revision(1), "too often"),
            "there's none to go back to"
        );
    }

    #[test]
    fn one_that_is_replaced_by_the_next_is_not_taken_back() {
        let yard = Yard::new().replaced();
        assert!(yard.note(1, 2, trapped()));
        yard.begin(3, Some(yard.clock.now()), None);
        assert!(!yard.note(2, 2, trapped()), "what was under way");
        assert!(!yard.trials.is_taken_back(&plugin(), revision(2)));
    }

    #[test]
    fn renewed_settings_leave_the_watch_as_it_is() {
        let yard = Yard::new().replaced();
        yard.note(1, 2, trapped());
        yard.begin(2, None, None);
        yard.note(2, 2, trapped());
        yard.note(3, 2, trapped());
        assert_eq!(yard.failed(), [revision(2)]);
    }

    #[test]
    fn nothing_goes_back_where_that_is_switched_off_or_nothing_is_left_to_go_back_to() {
        let yard = Yard::new().replaced();
        yard.trials.settle(&plugin());
        assert!((0..9).all(|event| !yard.note(event, 2, trapped())));
        let yard = Yard::new().replaced();
        yard.trials.replace(None);
        assert!((0..9).all(|event| !yard.note(event, 2, trapped())));
        assert_eq!(yard.failed(), []);
    }
}
