//! Answers each request with 201, the header `x-attempt`, and the key of the event.

use hookyard_guests::answer::{Header, Response, respond};
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};

struct Responder;

impl Guest for Responder {
    fn handle(delivery: Delivery, _: Message) -> Result<(), Failure> {
        let header = Header {
            name: "X-Attempt".into(),
            value: delivery.attempt.to_string(),
        };
        let response = Response {
            status: 201,
            headers: vec![header],
            body: format!("handled {}", delivery.key).into_bytes(),
        };
        respond(&response).map_err(rejected)
    }
}

hookyard_guests::export!(Responder);
