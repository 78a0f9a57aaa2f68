//! Writes a line to its log and traps.

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct Trap;

impl Guest for Trap {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        println!("about to trap");
        panic!("as requested");
    }
}

hookyard_guests::export!(Trap);
