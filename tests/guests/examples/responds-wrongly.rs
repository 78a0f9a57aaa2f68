//! Tries responses that the host does not accept, prints what the host says, and then responds twice.

use hookyard_guests::answer::{Error, Header, Response, respond, response};
use hookyard_guests::{Delivery, Failure, Guest, Message};

struct RespondsWrongly;

impl Guest for RespondsWrongly {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        let length = Header {
            name: "Content-Length".into(),
            value: "9".into(),
        };
        let with_length = Response {
            headers: vec![length],
            ..response(200, "")
        };
        for response in [
            response(199, ""),
            response(204, "text"),
            with_length,
            response(200, &"x".repeat(70_000)),
            response(200, "right"),
            response(200, "again"),
        ] {
            println!("{}", said(respond(&response)));
        }
        Ok(())
    }
}

fn said(result: Result<(), Error>) -> String {
    match result {
        Ok(()) => "ok".into(),
        Err(Error::NotAsked) => "not asked".into(),
        Err(Error::Already) => "already".into(),
        Err(Error::TooMuch(why)) => format!("too much: {why}"),
        Err(Error::Invalid(why)) => format!("invalid: {why}"),
    }
}

hookyard_guests::export!(RespondsWrongly);
