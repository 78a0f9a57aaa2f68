//! Writes a value and sends a message on every attempt. The first attempt asks for a retry, the
//! second traps, and the third succeeds. Each attempt prints the keys of earlier attempts that it
//! finds.

use hookyard_guests::effects::{atomics, batch, outbox, store};
use hookyard_guests::{Delivery, Failure, Guest, Message, Retry, rejected};

struct WritesThenFails;

impl Guest for WritesThenFails {
    fn handle(delivery: Delivery, _: Message) -> Result<(), Failure> {
        let bucket = store::open("work").map_err(rejected)?;
        let found = bucket.list_keys(None).map_err(rejected)?.keys;
        println!("found {found:?}");
        let attempt = format!("attempt-{}", delivery.attempt);
        batch::set_many(&bucket, &[(attempt.clone(), b"here".to_vec())]).map_err(rejected)?;
        let count = atomics::increment(&bucket, "attempts", 1).map_err(rejected)?;
        outbox::send("audit", attempt.as_bytes(), None).map_err(rejected)?;
        println!(
            "count {count}, wrote {:?}",
            bucket.list_keys(None).map_err(rejected)?.keys
        );
        match delivery.attempt {
            1 => Err(Failure::Retry(Retry {
                reason: "not yet".to_owned(),
                after: None,
            })),
            2 => std::process::abort(),
            _ => Ok(()),
        }
    }
}

hookyard_guests::export!(WritesThenFails);
