//! Tells a shop's warehouse what to do about topi's offers and orders.
//!
//! topi sends the bare offer or order whenever it changes. A shop holds stock while an offer is open, packs once it is
//! an order, and lets go when either falls through. For every event this prints what to do and a line for each kind of
//! item, under the shop's own reference. What can't be packed as it stands is put before a person, not given up:
//! somebody ordered it.
//!
//! This file joins the generated bindings to `warehouse`, which decides and knows nothing of Wasm.

mod warehouse;

use exports::topi::webhooks::handler::{Delivery, Event, Failure, Guest};
use warehouse::Task;

wit_bindgen::generate!({ generate_all });

/// Where the shop ships to. Elsewhere, a person decides.
const COUNTRIES: &[&str] = &["DE", "AT", "NL"];

struct Plugin;

impl Guest for Plugin {
    fn handle(delivery: Delivery, event: Event) -> Result<(), Failure> {
        let task = match event {
            Event::OfferAccepted(offer) => Task::hold(&offer, "accepted, its order follows"),
            Event::OfferPendingReview(offer) => Task::hold(&offer, "topi looks at the customer"),
            Event::OfferDeclined(offer) => Task::release(&offer, "declined"),
            Event::OfferVoided(offer) => Task::release(&offer, "taken back"),
            Event::OfferExpired(offer) => Task::release(&offer, "expired"),
            Event::OrderCreated(order) => Task::pack(&order, COUNTRIES),
            Event::OrderCanceled(order) => Task::stop(&order),
            Event::OrderCompleted(order) => Task::archive(&order),
            Event::Other(_) => Task::none(delivery.event_type.as_deref().unwrap_or("an event without a type")),
        };
        for line in task.lines() {
            println!("{line}");
        }
        Ok(())
    }
}

export!(Plugin);
