//! Waits as asynchronous code does under WASI 0.2, with several timers in a poll.

use std::time::{Duration, Instant};

use hookyard_guests::{Delivery, Failure, Guest, Message};
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::io::poll::poll;

struct Sleeper;

impl Guest for Sleeper {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        let began = Instant::now();
        let (late, soon) = (
            subscribe_duration(120_000_000),
            subscribe_duration(20_000_000),
        );
        println!("first {:?}", poll(&[&late, &soon]));
        let between = began.elapsed();
        late.block();
        std::thread::sleep(Duration::from_millis(30));
        let all = began.elapsed();
        println!(
            "in order {}",
            between >= Duration::from_millis(20) && between < Duration::from_millis(120)
        );
        println!("slept {}", all >= Duration::from_millis(150));
        println!("both {:?}", poll(&[&late, &soon]));
        Ok(())
    }
}

hookyard_guests::export!(Sleeper);
