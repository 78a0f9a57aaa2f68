//! Stores every body, without an end.

use hookyard_guests::effects::store;
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};

struct Hoarder;

impl Guest for Hoarder {
    fn handle(delivery: Delivery, message: Message) -> Result<(), Failure> {
        let bucket = store::open("").map_err(rejected)?;
        bucket.set(&delivery.key, &message.body).map_err(rejected)
    }
}

hookyard_guests::export!(Hoarder);
