//! Checks the offers that end users accept in topi SaaS, and decides on them.
//!
//! A partner who takes an offer on is bound by its total, so the sums are done again: every line, the total, one
//! currency, a country that is served. The answer is printed: `accept` with the partner's own line ids, or `decline`
//! with a reason that topi SaaS can show. An offer of a later schema version is rejected: its meaning may have changed.
//!
//! This file joins the generated bindings to `decision`, which decides and knows nothing of Wasm.

mod decision;

use decision::Decision;
use exports::topi_saas::webhooks::handler::{Delivery, Event, Failure, Guest};
use topi_saas::webhooks::types::AcceptedByUser;

wit_bindgen::generate!({ generate_all });

/// The schema version that this plugin was written for; topi SaaS moves it on breaking changes only.
const VERSION: u32 = 1;

/// Where the partner may make contracts.
const COUNTRIES: &[&str] = &["DE", "AT", "NL", "FR", "ES"];

struct Plugin;

impl Guest for Plugin {
    fn handle(delivery: Delivery, event: Event) -> Result<(), Failure> {
        match event {
            Event::OfferAcceptedByUser(event) => answer(&event),
            Event::Other(_) => {
                let name = delivery.event_type.as_deref().unwrap_or("an event without a type");
                println!("no answer to {name}");
                Ok(())
            }
        }
    }
}

export!(Plugin);

fn answer(event: &AcceptedByUser) -> Result<(), Failure> {
    if event.version != VERSION {
        let why = format!("offer {}: schema version {}, made for {VERSION}", event.object_id, event.version);
        return Err(Failure::Reject(why));
    }
    let offer = &event.payload;
    match decision::decide(offer, COUNTRIES) {
        Decision::Accept { total, lines } => {
            let (customer, seller) = (decision::customer(offer), decision::seller(offer));
            println!("accept offer {} for {customer}: {total}, sold by {seller}", offer.offer_id);
            for line in lines {
                println!("  {line}");
            }
        }
        Decision::Decline { reason, detail } => println!("decline offer {}: {reason} ({detail})", offer.offer_id),
    }
    Ok(())
}
