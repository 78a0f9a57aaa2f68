//! Rejects every event.

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct Reject;

impl Guest for Reject {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        Err(Failure::Reject("not for me".to_owned()))
    }
}

hookyard_guests::export!(Reject);
