use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{Event, EventId, Outcome, Payload, Timestamp};
use hookyard_store::{JobLease, LeaseToken};
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
    probations: Probations,
}

impl Yard {
    /// Where revision 1 serves and did well.
    fn new() -> Self {
        let clock = Arc::new(Seconds::default());
        let probations = Probations::new(Arc::clone(&clock) as Arc<dyn Clock>, Some(POLICY));
        let yard = Self { clock, probations };
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

    fn begin(&self, number: u8, probation_since: Option<Timestamp>, rolled_back: Option<u8>) {
        let begin = Activation {
            revision: revision(number),
            probation_since,
            rolled_back: rolled_back.map(revision),
        };
        self.probations.begin(&plugin(), begin);
    }

    fn note(&self, event: u64, of: u8, outcome: Outcome) -> bool {
        let attempt = Attempt {
            number: 1,
            revision: revision(of),
            started_at: self.clock.now(),
            duration: Duration::ZERO,
            outcome,
            log: Vec::new(),
            used: None,
        };
        self.probations.record(&job(event), &attempt)
    }

    fn failed(&self) -> Vec<Revision> {
        self.probations
            .failed()
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
        key_window: Duration::ZERO,
    };

    let lease = JobLease {
        event: event.id,
        plugin: plugin(),
        replays: 0,
        attempt: 1,
        token: LeaseToken::from_u128(0),
    };

    let since = Timestamp::from_unix_secs(0);
    ClaimedJob {
        lease,
        event: Arc::new(event),
        since,
        due: since,
        revision: None,
        spared: 0,
    }
}

#[tokio::test]
async fn revision_with_more_faults_fails_its_probation() {
    let yard = Yard::new().replaced();
    assert!(yard.note(1, 2, trapped()) && yard.note(2, 2, Outcome::Done));
    assert_eq!(yard.failed(), []);
    assert!(yard.note(3, 2, trapped()));
    yard.probations.changed().await;
    let [failed] = <[_; 1]>::try_from(yard.probations.failed()).expect("one");
    assert_eq!(
        failed.reason,
        "it failed at 2 of 3 events, the previous revision at 0 of 10; the last outcome was \
         trapped: unreachable"
    );

    assert!(
        !yard.probations.is_rolled_back(&plugin(), revision(2)),
        "it serves still"
    );

    yard.begin(1, None, Some(2));
    assert_eq!(yard.failed(), []);
    assert!(
        yard.note(4, 2, trapped()),
        "an attempt that was under way at the rollback"
    );

    assert!(yard.probations.is_rolled_back(&plugin(), revision(2)));
    yard.begin(2, Some(yard.clock.now()), None);
    assert!(
        !yard.probations.is_rolled_back(&plugin(), revision(2)),
        "the operator let it serve again"
    );

    yard.begin(1, None, Some(2));
    assert!(
        !yard.note(5, 1, trapped()),
        "the one that is back has nothing to go back to"
    );
}

#[test]
fn timeouts_fail_a_probation() {
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
fn retry_and_reject_are_not_faults() {
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
fn probation_ends_with_time() {
    let yard = Yard::new().replaced();
    yard.clock.0.store(61, Ordering::Relaxed);
    assert!((0..20).all(|event| !yard.note(event, 2, trapped())));
    assert!(
        !yard
            .probations
            .roll_back(&plugin(), revision(2), "too often")
    );
    assert_eq!(yard.failed(), []);
}

#[test]
fn rollback_comes_before_quarantine() {
    let yard = Yard::new().replaced();
    assert!(
        !yard
            .probations
            .roll_back(&plugin(), revision(2), "too often"),
        "it has done nothing yet"
    );
    yard.note(1, 2, trapped());
    assert!(
        !yard
            .probations
            .roll_back(&plugin(), revision(1), "too often"),
        "the revision is not active"
    );
    assert!(
        yard.probations
            .roll_back(&plugin(), revision(2), "too often"),
        "however few its events"
    );
    assert_eq!(yard.failed(), [revision(2)]);

    let alone = Yard::new();
    alone.note(1, 1, trapped());
    assert!(
        !alone
            .probations
            .roll_back(&plugin(), revision(1), "too often"),
        "there's none to go back to"
    );
}

#[test]
fn replaced_revision_is_not_rolled_back() {
    let yard = Yard::new().replaced();
    assert!(yard.note(1, 2, trapped()));
    yard.begin(3, Some(yard.clock.now()), None);
    assert!(!yard.note(2, 2, trapped()), "what was under way");
    assert!(!yard.probations.is_rolled_back(&plugin(), revision(2)));
}

#[test]
fn changed_settings_continue_the_probation() {
    let yard = Yard::new().replaced();
    yard.note(1, 2, trapped());
    yard.begin(2, None, None);
    yard.note(2, 2, trapped());
    yard.note(3, 2, trapped());
    assert_eq!(yard.failed(), [revision(2)]);
}

#[test]
fn ended_or_disabled_probation_does_not_fail() {
    let yard = Yard::new().replaced();
    yard.probations.end(&plugin());
    assert!((0..9).all(|event| !yard.note(event, 2, trapped())));
    let yard = Yard::new().replaced();
    yard.probations.replace_policy(None);
    assert!((0..9).all(|event| !yard.note(event, 2, trapped())));
    assert_eq!(yard.failed(), []);
}
