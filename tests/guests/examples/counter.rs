//! Counts its events by an atomic increment, and sends a message for each.

use hookyard_guests::effects::{atomics, outbox, store};
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};

struct Counter;

impl Guest for Counter {
    fn handle(delivery: Delivery, _: Message) -> Result<(), Failure> {
        let bucket = store::open("counts").map_err(rejected)?;
        let count = atomics::increment(&bucket, "events", 1).map_err(rejected)?;
        let id =
            outbox::send("audit", delivery.key.as_bytes(), Some("counter")).map_err(rejected)?;
        println!("count {count}");
        println!("message {id}");
        Ok(())
    }
}

hookyard_guests::export!(Counter);
