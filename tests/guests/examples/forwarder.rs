//! Forwards each event unchanged to the destinations in its field `forward_to`, which are separated
//! by spaces. The field `about` is the ordering key.

use hookyard_guests::effects::outbox;
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};

struct Forwarder;

impl Guest for Forwarder {
    fn handle(_: Delivery, message: Message) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(&message.body);
        for destination in text_of(&text, "forward_to")
            .unwrap_or_default()
            .split_whitespace()
        {
            outbox::send(destination, &message.body, text_of(&text, "about")).map_err(rejected)?;
        }
        Ok(())
    }
}

/// Returns the text of a field without escapes, at any depth of the JSON.
fn text_of<'t>(json: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = json.split_once(&format!("\"{name}\""))?;
    let (_, rest) = rest.split_once('"')?;
    rest.split_once('"').map(|(text, _)| text)
}

hookyard_guests::export!(Forwarder);
