//! Answers the offers that end users accept in topi SaaS.
//!
//! A partner who accepts an offer is bound by its total. The plugin therefore checks every line,
//! the total, the currency and the country. The answer is an event of the partner: `offer.accepted`
//! with the partner's ids, or `offer.declined` with a reason that topi SaaS can show. The host
//! commits the answer together with the outcome, so an attempt that fails and is repeated answers
//! once. An offer with a later schema version is rejected, because its meaning may differ.
//!
//! This file connects the generated bindings to `decision`, which accepts or declines an offer, and
//! to `answer`, which makes the event. Neither module depends on Wasm.

mod answer;
mod decision;
mod terms;

use decision::Decision;
use exports::topi_saas::webhooks::handler::{Delivery, Event, Failure, Guest};
use hookyard::plugin::outbox::Error;
use hookyard::plugin::types::Retry;
use terms::Terms;
use topi_saas::webhooks::outgoing;
use topi_saas::webhooks::types::AcceptedByUser;
use wasi::config::store;

wit_bindgen::generate!({ path: "wit", generate_all });

/// The schema version that this plugin supports. topi SaaS changes the version only when the schema
/// breaks.
const VERSION: u32 = 1;

struct Plugin;

impl Guest for Plugin {
    fn handle(delivery: Delivery, event: Event) -> Result<(), Failure> {
        match event {
            Event::OfferAcceptedByUser(event) => answer(&event),
            Event::Other(_) => {
                let name = delivery
                    .event_type
                    .as_deref()
                    .unwrap_or("an event without a type");
                println!("no answer to {name}");
                Ok(())
            }
        }
    }
}

export!(Plugin);

fn answer(event: &AcceptedByUser) -> Result<(), Failure> {
    if event.version != VERSION {
        let why = format!(
            "offer {}: schema version {}, but this plugin supports {VERSION}",
            event.object_id, event.version
        );
        return Err(Failure::Reject(why));
    }
    let terms = Terms::new(
        setting("countries")?.as_deref(),
        setting("currencies")?.as_deref(),
    );
    let offer = &event.payload;
    let sent = match decision::decide(offer, &terms) {
        Decision::Accept { total, lines } => {
            let (customer, seller) = (decision::customer(offer), decision::seller(offer));
            println!(
                "accept offer {} for {customer}: {total}, sold by {seller}",
                offer.offer_id
            );
            outgoing::offer_accepted(
                &answer::accepted(offer, lines),
                setting("destination")?.as_deref(),
            )
        }
        Decision::Decline { reason, detail } => {
            println!("decline offer {}: {reason} ({detail})", offer.offer_id);
            outgoing::offer_declined(
                &answer::declined(offer, reason),
                setting("destination")?.as_deref(),
            )
        }
    };
    sent.map(|_id| ()).map_err(unsent)
}

/// Returns a value of this plugin's `[config]`.
fn setting(name: &str) -> Result<Option<String>, Failure> {
    store::get(name).map_err(|error| retry(format!("the setting `{name}` cannot be read: {error}")))
}

/// Returns the failure for an answer that the host did not accept. Nothing was sent, so the attempt
/// is repeated where the operator can correct the configuration.
fn unsent(error: Error) -> Failure {
    match error {
        Error::NoSuchDestination => {
            retry("there is no such destination; correct `destination` in [config]".to_owned())
        }
        Error::Other(why) => retry(format!("the host did not accept the answer: {why}")),
        Error::TooMuch(why) => {
            Failure::Reject(format!("the host did not accept the answer: {why}"))
        }
    }
}

fn retry(reason: String) -> Failure {
    Failure::Retry(Retry {
        reason,
        after: None,
    })
}
