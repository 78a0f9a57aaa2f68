//! Prints the cache entries that Tipser's product events make stale.
//!
//! Tipser's events are frequent and contain only ids. A shop that caches products and collections
//! must drop the entries that changed. For every event, this plugin prints a line for each entry to
//! drop, in the form of a cache proxy's purge list.
//!
//! This file connects the generated bindings to `purge`, which contains the rules and does not
//! depend on Wasm.

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
                println!(
                    "keep all: nothing here is known to depend on {}",
                    kind(&delivery)
                );
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
