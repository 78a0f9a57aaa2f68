//! Makes the request that the event names, and rejects the event unless the status is 200.

use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, OutgoingBody, OutgoingRequest, Scheme};

struct Asker;

impl Guest for Asker {
    fn handle(_: Delivery, message: Message) -> Result<(), Failure> {
        let event = String::from_utf8_lossy(&message.body).into_owned();
        let asked = event
            .split_once("GET http://")
            .map(|(_, rest)| rest.split(['"', '|']).next().unwrap_or_default());
        let (authority, path) = asked
            .and_then(|asked| asked.split_once('/'))
            .ok_or_else(|| rejected("no URL"))?;
        let request = OutgoingRequest::new(Fields::new());
        request.set_scheme(Some(&Scheme::Http)).map_err(rejected)?;
        request.set_authority(Some(authority)).map_err(rejected)?;
        request
            .set_path_with_query(Some(&format!("/{path}")))
            .map_err(rejected)?;
        let body = request.body().map_err(rejected)?;
        let answer = handle(request, None).map_err(rejected)?;
        OutgoingBody::finish(body, None).map_err(rejected)?;
        answer.subscribe().block();
        match answer
            .get()
            .expect("the answer is ready")
            .expect("the answer is taken once")
            .map_err(rejected)?
            .status()
        {
            200 => Ok(()),
            status => Err(rejected(status)),
        }
    }
}

hookyard_guests::export!(Asker);
