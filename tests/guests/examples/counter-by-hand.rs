//! Counts its events without an atomic operation: reads a number, adds one, and writes the number.

use hookyard_guests::effects::store;
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};

struct Counter;

impl Guest for Counter {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        let bucket = store::open("counts").map_err(rejected)?;
        let before = bucket.get("events").map_err(rejected)?;
        let before: u64 = before.map_or(0, |text| {
            String::from_utf8_lossy(&text)
                .parse()
                .expect("our own number")
        });
        let count = before + 1;
        bucket
            .set("events", count.to_string().as_bytes())
            .map_err(rejected)?;
        println!("count {count}");
        Ok(())
    }
}

hookyard_guests::export!(Counter);
