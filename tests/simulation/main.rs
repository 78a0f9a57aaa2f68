//! Thousands of short lives of a host, each from one seed: the real dispatcher, state machine and in-memory inbox, under
//! a virtual clock, with plugins, operators, faults and crashes that dice decide on.
//!
//! A witness that shares no code with the inbox looks at everything after every single call and holds it to what the
//! contract says (see `witness`). A life that breaks it is told by its seed; `HOOKYARD_SIMULATION_SEED=17` lives that
//! one again and prints every step, `HOOKYARD_SIMULATION_LIVES=100000` lives more of them.

mod dice;
mod life;
mod plugins;
mod releases;
mod step;
mod watched;
mod witness;

use std::panic::catch_unwind;
use std::sync::Mutex;

/// In a test run by hand or by CI.
const LIVES: u64 = 1_000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
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
                        panic!("live it again: HOOKYARD_SIMULATION_SEED={seed} cargo test -p hookyard-tests --test simulation")
                    };
                    sum.lock().expect("no life ends while it adds up").add(&life);
                }
            });
        }
    });
    let sum = sum.into_inner().expect("no life ends while it adds up");
    println!("{sum:?}");
    // Lives in which nothing happens prove nothing.
    let life::Life {
        steps,
        events,
        done,
        dead,
        replayed,
        discarded,
        crashes,
        faults,
        conflicts,
        over_quota,
        quarantines,
        taken_back,
        retried,
        pruned,
        ..
    } = sum;
    for (name, count) in [
        ("steps", steps),
        ("events", events),
        ("done", done),
        ("dead", dead),
        ("replayed", replayed),
        ("discarded", discarded),
        ("crashes", crashes),
        ("faults", faults),
        ("conflicts", conflicts),
        ("over quota", over_quota),
        ("quarantines", quarantines),
        ("taken back", taken_back),
        ("retried", retried),
        ("pruned", pruned),
    ] {
        assert!(count > 0, "no life had any {name}");
    }
}

#[test]
fn a_seed_is_the_same_life_each_time() {
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
            panic!(
                "live it again: HOOKYARD_SIMULATION_SEED={seed} cargo test -p hookyard-tests --test simulation"
            )
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
