//! Records each handled event with every kind of effect: a count of all events, a count for each
//! event, and a message.

use hookyard_guests::effects::{atomics, outbox, store};
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};

struct Ledger;

impl Guest for Ledger {
    fn handle(delivery: Delivery, _: Message) -> Result<(), Failure> {
        let all = store::open("all").map_err(rejected)?;
        atomics::increment(&all, "handled", 1).map_err(rejected)?;
        let each = store::open("each").map_err(rejected)?;
        atomics::increment(&each, &delivery.key, 1).map_err(rejected)?;
        let message = format!("{{\"key\":\"{}\"}}", delivery.key);
        outbox::send("audit", message.as_bytes(), None).map_err(rejected)?;
        Ok(())
    }
}

hookyard_guests::export!(Ledger);
