//! Works for 100 ms, then is done: long enough to be replaced, or stopped, meanwhile.

use std::time::{Duration, Instant};

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct Slow;

impl Guest for Slow {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        let began = Instant::now();
        println!("began");
        while began.elapsed() < Duration::from_millis(100) {
            std::hint::spin_loop();
        }
        println!("finished");
        Ok(())
    }
}

hookyard_guests::export!(Slow);
