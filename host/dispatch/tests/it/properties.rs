//! Random scripts: every job ends within its maximum number of attempts, and no concurrency limit
//! is exceeded.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hookyard_dispatch::RetryPolicies;
use hookyard_model::{Limit, Outcome, TimeLimit};
use hookyard_store::Error;
use hookyard_store_testing::faulty::Call;
use proptest::prelude::*;

use crate::support::{Act, Harness, Plan, SECOND, policy, trapped};

const ATTEMPTS_MAX: u32 = 4;

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Done),
        2 => Just(trapped()),
        1 => Just(Outcome::Rejected { reason: "no".into() }),
        1 => Just(Outcome::TimedOut { limit: TimeLimit::Cpu, max: SECOND }),
        1 => Just(Outcome::Exceeded { limit: Limit::HostCalls, max: 9 }),
        1 => Just(Outcome::OutOfMemory { max: 1 << 20 }),
        1 => Just(Outcome::Undecodable { path: "$.a".into(), message: "a number".into() }),
        1 => proptest::option::of(0..100_000u64)
            .prop_map(|after| Outcome::Retry { reason: "later".into(), after: after.map(Duration::from_millis) }),
    ]
}

fn any_act() -> impl Strategy<Value = Act> {
    (0..90_000u64, any_outcome())
        .prop_map(|(millis, outcome)| Act::End(Duration::from_millis(millis), outcome))
}

#[derive(Debug)]
struct Bounds {
    ship: usize,
    audit: usize,
    all: usize,
    settles_to_fail: usize,
    claims_to_fail: usize,
}

fn any_bounds() -> impl Strategy<Value = Bounds> {
    (1..4usize, 1..4usize, 1..6usize, 0..8usize, 0..4usize).prop_map(
        |(ship, audit, all, settles_to_fail, claims_to_fail)| Bounds {
            ship,
            audit,
            all,
            settles_to_fail,
            claims_to_fail,
        },
    )
}

async fn check(bounds: Bounds, acts: Vec<Act>, events: u64) {
    let plan = Plan {
        active: vec![("ship", bounds.ship), ("audit", bounds.audit)],
        concurrency_max: bounds.all,
        policies: RetryPolicies {
            fallback: policy(ATTEMPTS_MAX, SECOND),
            ..Default::default()
        },
        jitter: 0.7,
        ..Plan::default()
    };
    let harness = Harness::start(plan, move |job| {
        let number: usize = job.event.key.parse().expect("a number");
        let step = number * 7 + job.lease.attempt as usize + job.lease.plugin.name.as_str().len();
        acts[step % acts.len()].clone()
    });
    harness.fail(Call::Settle, bounds.settles_to_fail, || Error::Busy);
    harness.fail(Call::Claim, bounds.claims_to_fail, || Error::Busy);
    harness.route(&["ship", "audit"]).await;
    harness.append(0..events).await;
    harness.wait_until_over().await;

    for number in 0..events {
        for name in ["ship", "audit"] {
            let attempts = harness.attempts(number, name);
            let numbers: Vec<_> = attempts.iter().map(|attempt| attempt.number).collect();
            let expected: Vec<_> = (1..=attempts.len() as u32).collect();
            assert_eq!(numbers, expected, "one record for each attempt");
            assert!(attempts.len() <= ATTEMPTS_MAX as usize);
            let (last, earlier) = attempts.split_last().expect("every job is attempted");
            assert!(earlier.iter().all(|attempt| attempt.outcome.is_retryable()));
            assert!(!last.outcome.is_retryable() || attempts.len() == ATTEMPTS_MAX as usize);
        }
    }

    assert_eq!(harness.jobs().await.len() as u64, events * 2);
    assert!(harness.runner.most_of("ship") <= bounds.ship);
    assert!(harness.runner.most_of("audit") <= bounds.audit);
    assert!(harness.runner.running_most.load(Ordering::Relaxed) <= bounds.all);

    harness.stop().await;
}

impl std::fmt::Debug for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::End(duration, outcome) => write!(f, "{outcome:?} after {duration:?}"),
            Self::Panic(duration) => write!(f, "a panic after {duration:?}"),
            Self::Refuse(error) => write!(f, "{error:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_job_ends_within_its_limits(
        bounds in any_bounds(),
        acts in proptest::collection::vec(any_act(), 1..12),
        events in 1..12u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(check(bounds, acts, events));
    }
}
