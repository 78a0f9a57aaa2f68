//! Rejects every event with a reason of a mebibyte.

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct LongReason;

impl Guest for LongReason {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        Err(Failure::Reject("why ".repeat(1 << 18)))
    }
}

hookyard_guests::export!(LongReason);
