//! The second of two revisions of a plugin, which differ in their log line.

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct Version;

impl Guest for Version {
    fn handle(delivery: Delivery, _: Message) -> Result<(), Failure> {
        println!("handled by B: {}", delivery.key);
        Ok(())
    }
}

hookyard_guests::export!(Version);
