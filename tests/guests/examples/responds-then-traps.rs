//! Responds in each attempt. The first attempt traps after that.

use hookyard_guests::answer::{respond, response};
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};

struct RespondsThenTraps;

impl Guest for RespondsThenTraps {
    fn handle(delivery: Delivery, _: Message) -> Result<(), Failure> {
        respond(&response(200, "never sent")).map_err(rejected)?;
        assert!(delivery.attempt > 1, "the first attempt fails");
        Ok(())
    }
}

hookyard_guests::export!(RespondsThenTraps);
