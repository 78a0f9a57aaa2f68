//! Writes a line to its log and traps.

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct Trap;

impl Guest for Trap {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        println!("about to trap");
        panic!("book without a title");
    }
}

hookyard_guests::export!(Trap);
