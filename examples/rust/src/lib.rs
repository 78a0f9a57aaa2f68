//! Logs the offers that end users accept.

use exports::topi_saas::webhooks::handler::{Delivery, Event, Failure, Guest};

wit_bindgen::generate!({ path: "wit", generate_all });

struct Plugin;

impl Guest for Plugin {
    fn handle(_delivery: Delivery, event: Event) -> Result<(), Failure> {
        if let Event::OfferAcceptedByUser(it) = event {
            println!("offer {}", it.payload.offer_id);
        }
        Ok(())
    }
}

export!(Plugin);
