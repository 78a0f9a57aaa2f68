//! Says which cache entries Tipser's product events make stale.
//!
//! Tipser's events carry ids only, and many of them; a shop that keeps copies of products and collections has to drop
//! the right ones. For every event this prints one line for each entry to drop, as a cache proxy's purge list has it.
//!
//! This file joins the generated bindings to `purge`, which decides and knows nothing of Wasm.

mod purge;

use exports::tipser::webhooks::handler::{Delivery, Event, Failure, Guest};

wit_bindgen::generate!({ generate_all });

struct Plugin;

impl Guest for Plugin {
    fn handle(delivery: Delivery, event: Event) -> Result<(), Failure> {
        let keys = match event {
            Event::ProductChanged(change) => purge::product(&change),
            Event::ProductInCollectionChanged(change) => purge::product_in_collections(&change),
            Event::PosCollectionsChanged(change) => purge::pos_collections(&change),
            Event::CollectionChanged(change) => purge::collection(&change),
            Event::CollectionAdded(change) => purge::collection_added(&change),
            Event::ProductCustomizationChanged(change) => purge::product_customization(&change),
            Event::Other(_) => {
                println!("keep all: nothing here is known to depend on {}", kind(&delivery));
                return Ok(());
            }
        };
        for key in keys.map_err(Failure::Reject)? {
            println!("purge {key} because of {}", kind(&delivery));
        }
        Ok(())
    }
}

export!(Plugin);

fn kind(delivery: &Delivery) -> &str {
    delivery.event_type.as_deref().unwrap_or("an unnamed event")
}
