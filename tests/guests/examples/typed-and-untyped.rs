//! Two handlers in one plugin: one case typed, and the raw bytes of everything else.

wit_bindgen::generate!({
    world: "topper:webhooks/plugin@1.0.0",
    inline: "
        package topper:webhooks@1.0.0;

        interface handler {
            use hookyard:plugin/types@0.1.0.{delivery, failure};

            record onramp-event { id: string }

            variant event { crypto-onramp-completed(onramp-event) }

            handle: func(delivery: delivery, event: event) -> result<_, failure>;
        }

        world plugin {
            export handler;
            export hookyard:plugin/handler@0.1.0;
        }
    ",
    path: "../../wit/hookyard",
    generate_all,
});

use exports::hookyard::plugin::handler::{Guest as Untyped, Message};
use exports::topper::webhooks::handler::{Event, Guest as Typed};
use hookyard::plugin::types::{Delivery, Failure};

struct Both;

impl Typed for Both {
    fn handle(_: Delivery, Event::CryptoOnrampCompleted(event): Event) -> Result<(), Failure> {
        println!("typed: {}", event.id);
        Ok(())
    }
}

impl Untyped for Both {
    fn handle(_: Delivery, message: Message) -> Result<(), Failure> {
        println!("untyped: {} bytes", message.body.len());
        Ok(())
    }
}

export!(Both);
