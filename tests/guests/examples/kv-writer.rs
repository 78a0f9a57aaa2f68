//! Writes the same 250 keys for each event.

use hookyard_guests::effects::store;
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};

const KEYS: usize = 250;

struct KvWriter;

impl Guest for KvWriter {
    fn handle(delivery: Delivery, _: Message) -> Result<(), Failure> {
        let bucket = store::open("").map_err(rejected)?;
        // The value has the length of an id.
        let value = delivery
            .key
            .as_bytes()
            .iter()
            .copied()
            .cycle()
            .take(16)
            .collect::<Vec<u8>>();
        (0..KEYS).try_for_each(|number| {
            bucket
                .set(&format!("key-{number}"), &value)
                .map_err(rejected)
        })
    }
}

hookyard_guests::export!(KvWriter);
