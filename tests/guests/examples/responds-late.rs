//! Responds after a second.

use std::time::Duration;

use hookyard_guests::answer::{respond, response};
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};

struct RespondsLate;

impl Guest for RespondsLate {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        std::thread::sleep(Duration::from_secs(1));
        respond(&response(200, "late")).map_err(rejected)
    }
}

hookyard_guests::export!(RespondsLate);
