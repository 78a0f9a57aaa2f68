//! Returns what its own type forbids: a reason that is no UTF-8.

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct Nonsense;

impl Guest for Nonsense {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        // SAFETY: none; a host has to bear a guest that doesn't keep the rules. Nothing here reads the text.
        let reason = unsafe { String::from_utf8_unchecked(vec![0xff, 0xfe, 0xfd]) };
        Err(Failure::Reject(reason))
    }
}

hookyard_guests::export!(Nonsense);
