//! Prints the tasks of a shop's warehouse for topi's offers and orders.
//!
//! topi sends the bare offer or order whenever it changes. A shop holds stock while an offer is
//! open, packs the items when the offer becomes an order, and releases them when the offer or the
//! order ends. For every event, this plugin prints a task and a line for each kind of item, under
//! the shop's own reference. An order that cannot be packed is not rejected, because a customer is
//! waiting: the task asks a person to decide.
//!
//! This file connects the generated bindings to `warehouse`, which contains the rules and does not
//! depend on Wasm.

mod warehouse;

use exports::topi::webhooks::handler::{Delivery, Event, Failure, Guest};
use warehouse::Task;

wit_bindgen::generate!({ generate_all });

/// The countries that the shop ships to. For other countries, a person decides.
const COUNTRIES: &[&str] = &["DE", "AT", "NL"];

struct Plugin;

impl Guest for Plugin {
    fn handle(delivery: Delivery, event: Event) -> Result<(), Failure> {
        let task = match event {
            Event::OfferAccepted(offer) => Task::hold(&offer, "accepted, its order follows"),
            Event::OfferPendingReview(offer) => Task::hold(&offer, "topi looks at the customer"),
            Event::OfferDeclined(offer) => Task::release(&offer, "declined"),
            Event::OfferVoided(offer) => Task::release(&offer, "withdrawn"),
            Event::OfferExpired(offer) => Task::release(&offer, "expired"),
            Event::OrderCreated(order) => Task::pack(&order, COUNTRIES),
            Event::OrderCanceled(order) => Task::stop(&order),
            Event::OrderCompleted(order) => Task::archive(&order),
            Event::Other(_) => Task::none(
                delivery
                    .event_type
                    .as_deref()
                    .unwrap_or("an event without a type"),
            ),
        };
        for line in task.lines() {
            println!("{line}");
        }
        Ok(())
    }
}

export!(Plugin);
