//! Sends a hundred messages of half a MiB to `shop` for each event.

use hookyard_guests::effects::outbox;
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};

const MESSAGES: usize = 100;
const BYTES: usize = 512 << 10;

struct OutboxFiller;

impl Guest for OutboxFiller {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        let body = vec![b'x'; BYTES];
        (0..MESSAGES).try_for_each(|_| {
            outbox::send("shop", &body, None)
                .map(drop)
                .map_err(rejected)
        })
    }
}

hookyard_guests::export!(OutboxFiller);
