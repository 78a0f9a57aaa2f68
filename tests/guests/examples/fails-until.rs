//! Asks for a retry in a second until the attempt that the body names, such as `fails-until-3`.

use hookyard_guests::{Delivery, Failure, Guest, Message, Retry};

struct FailsUntil;

impl Guest for FailsUntil {
    fn handle(delivery: Delivery, message: Message) -> Result<(), Failure> {
        let body = String::from_utf8_lossy(&message.body);
        let named = body
            .split_once("fails-until-")
            .and_then(|(_, rest)| rest.chars().next()?.to_digit(10));
        match named {
            Some(attempt) if delivery.attempt < attempt => Err(Failure::Retry(Retry {
                reason: format!("not before attempt {attempt}"),
                after: Some(1_000),
            })),
            _ => Ok(()),
        }
    }
}

hookyard_guests::export!(FailsUntil);
