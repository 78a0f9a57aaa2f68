//! Thousands of short lives of a host, each from one seed. The dispatcher, the state machine, the
//! store in memory and the decisions about releases are the real ones. The clock is virtual, and
//! dice decide on plugins, operators, faults and crashes.
//!
//! `life` lives the life of a dispatcher. Its `witness` shares no code with the store, looks at the
//! whole store after every call, and checks it against the contract. `releases` lives the life of
//! one plugin's release. A life that breaks an invariant is reported with its seed:
//! `HOOKYARD_SIMULATION_SEED=17` repeats that life and prints every call,
//! `HOOKYARD_SIMULATION_LIVES=100000` lives more of them.

mod call;
mod dice;
mod life;
mod plugins;
mod releases;
mod witness;
mod world;

use std::panic::catch_unwind;
use std::sync::Mutex;

/// The number of lives in a test run.
const LIVES: u64 = 1_000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
    )
}

/// Returns the advice to repeat the life of a seed.
fn repeat(seed: u64) -> String {
    format!(
        "repeat this life: HOOKYARD_SIMULATION_SEED={seed} cargo test -p hookyard-tests --test simulation"
    )
}

#[test]
fn every_life_keeps_every_invariant() {
    if let Some(seed) = number("HOOKYARD_SIMULATION_SEED") {
        life::live(seed, true);
        return;
    }
    let lives = number("HOOKYARD_SIMULATION_LIVES").unwrap_or(LIVES);
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let sum = Mutex::new(life::Life::default());
    std::thread::scope(|scope| {
        for first in 0..threads {
            let sum = &sum;
            scope.spawn(move || {
                for seed in (first..lives).step_by(threads as usize) {
                    let Ok(life) = catch_unwind(|| life::live(seed, false)) else {
                        panic!("{}", repeat(seed))
                    };
                    sum.lock()
                        .expect("no life ends while it adds up")
                        .add(&life);
                }
            });
        }
    });

    let sum = sum.into_inner().expect("no life ends while it adds up");
    println!("{sum:?}");
    // Lives in which nothing happens test nothing.
    let life::Life {
        calls,
        events,
        done,
        dead,
        replayed,
        discarded,
        crashes,
        faults,
        lost,
        repeated,
        handed_over,
        conflicts,
        over_quota,
        quarantines,
        rolled_back,
        retried,
        pruned,
        ..
    } = sum;
    for (name, count) in [
        ("calls", calls),
        ("events", events),
        ("done", done),
        ("dead", dead),
        ("replayed", replayed),
        ("discarded", discarded),
        ("crashes", crashes),
        ("faults", faults),
        ("lost answers", lost),
        ("repeated calls", repeated),
        ("handed over", handed_over),
        ("conflicts", conflicts),
        ("over quota", over_quota),
        ("quarantines", quarantines),
        ("rolled back", rolled_back),
        ("retried", retried),
        ("pruned", pruned),
    ] {
        assert!(count > 0, "no life had any {name}");
    }
}

#[test]
fn seed_repeats_the_same_life() {
    for seed in 0..20 {
        assert_eq!(
            life::live(seed, false),
            life::live(seed, false),
            "seed {seed}"
        );
    }
}

#[test]
fn every_release_keeps_every_invariant() {
    if let Some(seed) = number("HOOKYARD_SIMULATION_SEED") {
        releases::live(seed);
        return;
    }

    let lives = number("HOOKYARD_SIMULATION_LIVES").unwrap_or(LIVES);
    let mut sum = releases::Tally::default();
    for seed in 0..lives {
        let Ok(tally) = catch_unwind(|| releases::live(seed)) else {
            panic!("{}", repeat(seed))
        };
        sum.add(&tally);
    }

    println!("{sum:?}");
    for (name, count) in [
        ("activations", sum.activations),
        ("rollbacks", sum.rollbacks),
        ("refusals", sum.refusals),
        ("recalls", sum.recalls),
        ("removals", sum.removals),
        ("crashes", sum.crashes),
    ] {
        assert!(count > 0, "no life had any {name}");
    }
}
