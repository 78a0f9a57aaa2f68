//! Writes the whole event to its log.

use hookyard_guests::{Delivery, Failure, Guest, Header, Message};

struct Echo;

impl Guest for Echo {
    fn handle(delivery: Delivery, message: Message) -> Result<(), Failure> {
        let Delivery {
            event_id,
            tenant,
            source,
            provider,
            event_type,
            key,
            attempt,
            received_at,
        } = delivery;
        println!("event {event_id} of {tenant}/{source} from {provider}");
        println!("type {}", event_type.as_deref().unwrap_or("none"));
        println!("key {key}");
        println!("attempt {attempt}");
        println!("received at {received_at}");
        for Header { name, value } in message.headers {
            println!("header {name}: {}", String::from_utf8_lossy(&value));
        }
        println!("body {}", String::from_utf8_lossy(&message.body));
        Ok(())
    }
}

hookyard_guests::export!(Echo);
