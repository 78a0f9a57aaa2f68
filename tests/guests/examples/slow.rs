//! Works for 100 ms, then is done: long enough to be replaced, or stopped, meanwhile.

use std::time::{Duration, Instant};

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct Slow;

impl Guest for Slow {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        let began = Instant::now();
        println!("began");
        while began.elapsed() < Duration::from_millis(100) {
            // The clock is looked at now and then only: each look is a call of the host's, and those are bounded.
            (0..10_000).for_each(|n: u32| _ = std::hint::black_box(n));
        }
        println!("finished");
        Ok(())
    }
}

hookyard_guests::export!(Slow);
