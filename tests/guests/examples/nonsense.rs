//! Returns a value that its own type forbids: a reason that is not UTF-8.

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct Nonsense;

impl Guest for Nonsense {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        // SAFETY: this is unsound on purpose, because a host must tolerate such a guest. Nothing
        // here reads the text.
        let reason = unsafe { String::from_utf8_unchecked(vec![0xff, 0xfe, 0xfd]) };
        Err(Failure::Reject(reason))
    }
}

hookyard_guests::export!(Nonsense);
