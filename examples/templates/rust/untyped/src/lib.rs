//! Handles events as raw bytes.

#[path = "../gen/webhooks.rs"]
mod webhooks;

use hookyard::{Delivery, Outcome, log, reject};
use webhooks::Message;

#[hookyard::handler]
fn handle(message: Message, delivery: Delivery) -> Outcome {
    let Ok(text) = String::from_utf8(message.body) else {
        return reject!("the body is not UTF-8");
    };
    let name = delivery.event_type.as_deref().unwrap_or("an event without a type");
    log::info!("{name}: {} bytes, {} headers", text.len(), message.headers.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use hookyard::testing::World;

    use super::*;

    fn message(body: &[u8]) -> Message {
        Message { headers: Vec::new(), body: body.to_vec() }
    }

    #[test]
    fn text_is_logged() {
        let mut world = World::new();
        assert_eq!(world.run(handle, message(b"{}")), Ok(()));
        assert!(world.log()[0].ends_with(": 2 bytes, 0 headers"));
    }

    #[test]
    fn other_bytes_are_rejected() {
        let mut world = World::new();
        assert_eq!(world.run(handle, message(b"\xff")), reject!("the body is not UTF-8"));
    }
}
