//! Asks twice for a retry after 50 ms, then succeeds.

use hookyard_guests::{Delivery, Failure, Guest, Message, Retry};

struct RetryThenDone;

impl Guest for RetryThenDone {
    fn handle(delivery: Delivery, _: Message) -> Result<(), Failure> {
        match delivery.attempt {
            ..3 => Err(Failure::Retry(Retry {
                reason: "not yet".to_owned(),
                after: Some(50),
            })),
            attempt => {
                println!("done on attempt {attempt}");
                Ok(())
            }
        }
    }
}

hookyard_guests::export!(RetryThenDone);
