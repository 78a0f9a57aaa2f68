//! A plugin built against an older and smaller package: fewer fields in every record, fewer cases,
//! none called `other`.

wit_bindgen::generate!({
    world: "topper:webhooks/plugin@0.9.0",
    inline: "
        package topper:webhooks@0.9.0;

        interface handler {
            use hookyard:plugin/types@0.1.0.{delivery, failure};

            record onramp-event { id: string, data: order }
            record order { id: string, status: string, origin: side, destination: side }
            record side { amount: string, asset: string }

            variant event {
                crypto-onramp-committed(onramp-event),
                crypto-onramp-completed(onramp-event),
            }

            handle: func(delivery: delivery, event: event) -> result<_, failure>;
        }

        world plugin { export handler; }

        package hookyard:plugin@0.1.0 {
            interface types {
                record delivery { event-id: string, attempt: u32 }
                variant failure { retry(retry), reject(string) }
                record retry { reason: string, after: option<u64> }
            }
        }
    ",
    generate_all,
});

use exports::topper::webhooks::handler::{Delivery, Event, Failure, Guest};

struct Older;

impl Guest for Older {
    fn handle(delivery: Delivery, event: Event) -> Result<(), Failure> {
        let (what, event) = match event {
            Event::CryptoOnrampCommitted(event) => ("committed", event),
            Event::CryptoOnrampCompleted(event) => ("completed", event),
        };
        let order = event.data;
        println!(
            "older saw {what} on attempt {}: event {} order {} {}",
            delivery.attempt, event.id, order.id, order.status
        );
        println!(
            "{} {} for {} {}",
            order.origin.amount,
            order.origin.asset,
            order.destination.amount,
            order.destination.asset
        );
        Ok(())
    }
}

export!(Older);
