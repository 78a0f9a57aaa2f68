//! Exits in the middle of a call, with the exit code of success.

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct Exit;

impl Guest for Exit {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        println!("about to exit");
        std::process::exit(0);
    }
}

hookyard_guests::export!(Exit);
