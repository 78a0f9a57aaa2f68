//! Works for 100 ms, then succeeds: long enough to be replaced or stopped in the meantime.

use std::time::{Duration, Instant};

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct Slow;

impl Guest for Slow {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        let began = Instant::now();
        println!("began");
        while began.elapsed() < Duration::from_millis(100) {
            // The loop rarely reads the clock, because every read is a host call and the number of
            // host calls is limited.
            (0..10_000).for_each(|n: u32| _ = std::hint::black_box(n));
        }
        println!("finished");
        Ok(())
    }
}

hookyard_guests::export!(Slow);
