//! Sends each event on as it came, to every destination that its `forward_to` names, with a space between them. What it
//! says under `about` orders it among the others.

use hookyard_guests::effects::outbox;
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};

struct Forwarder;

impl Guest for Forwarder {
    fn handle(_: Delivery, message: Message) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(&message.body);
        for destination in text_of(&text, "forward_to").unwrap_or_default().split_whitespace() {
            outbox::send(destination, &message.body, text_of(&text, "about")).map_err(rejected)?;
        }
        Ok(())
    }
}

/// The text of a field without escapes, wherever it stands in the JSON.
fn text_of<'t>(json: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = json.split_once(&format!("\"{name}\""))?;
    let (_, rest) = rest.split_once('"')?;
    rest.split_once('"').map(|(text, _)| text)
}

hookyard_guests::export!(Forwarder);
