//! A plugin whose author declared a decimal string as a number. The event cannot be decoded, and
//! the path names the field.

wit_bindgen::generate!({
    world: "topper:webhooks/plugin@1.0.0",
    inline: "
        package topper:webhooks@1.0.0;

        interface handler {
            use hookyard:plugin/types@0.1.0.{delivery, failure};

            record onramp-event { id: string, data: order }
            record order { id: string, origin: side }
            record side { amount: u32, asset: string }

            variant event { crypto-onramp-completed(onramp-event) }

            handle: func(delivery: delivery, event: event) -> result<_, failure>;
        }

        world plugin { export handler; }
    ",
    path: "../../wit/hookyard",
    generate_all,
});

use exports::topper::webhooks::handler::{Delivery, Event, Failure, Guest};

struct WrongTypes;

impl Guest for WrongTypes {
    fn handle(_: Delivery, Event::CryptoOnrampCompleted(event): Event) -> Result<(), Failure> {
        println!(
            "never written: {} {}",
            event.data.origin.amount, event.data.origin.asset
        );
        Ok(())
    }
}

export!(WrongTypes);
