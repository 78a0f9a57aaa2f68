//! Answers the offers that end users accept in topi SaaS.
//!
//! A partner who takes an offer on is bound by its total, so the sums are done again: every line, the total, one
//! currency that is known, a country that is served. The answer is an event of the partner's own: `offer.accepted` with
//! the partner's ids, or `offer.declined` with a reason that topi SaaS can show. It is sent together with the outcome or
//! not at all, so a run that fails and is made again answers once. An offer of a later schema version is rejected: its
//! meaning may have changed.
//!
//! This file joins the generated bindings to `decision`, which decides, and `answer`, which says it; neither knows
//! anything of Wasm.

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

/// The schema version that this plugin was written for; topi SaaS moves it on breaking changes only.
const VERSION: u32 = 1;

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
    let terms = Terms::new(setting("countries")?.as_deref(), setting("currencies")?.as_deref());
    let offer = &event.payload;
    let sent = match decision::decide(offer, &terms) {
        Decision::Accept { total, lines } => {
            let (customer, seller) = (decision::customer(offer), decision::seller(offer));
            println!("accept offer {} for {customer}: {total}, sold by {seller}", offer.offer_id);
            outgoing::offer_accepted(&answer::accepted(offer, lines), setting("destination")?.as_deref())
        }
        Decision::Decline { reason, detail } => {
            println!("decline offer {}: {reason} ({detail})", offer.offer_id);
            outgoing::offer_declined(&answer::declined(offer, reason), setting("destination")?.as_deref())
        }
    };
    sent.map(|_id| ()).map_err(unsent)
}

/// What the operator set in this plugin's `[config]`.
fn setting(name: &str) -> Result<Option<String>, Failure> {
    store::get(name).map_err(|error| retry(format!("the setting `{name}` can't be read: {error}")))
}

/// An answer that isn't taken is due still: the operator can mend what is configured wrongly, and nothing was sent.
fn unsent(error: Error) -> Failure {
    match error {
        Error::NoSuchDestination => retry("there is no such destination; mend `destination` in [config]".to_owned()),
        Error::Other(why) => retry(format!("the answer isn't taken: {why}")),
        Error::TooMuch(why) => Failure::Reject(format!("the answer isn't taken: {why}")),
    }
}

fn retry(reason: String) -> Failure {
    Failure::Retry(Retry { reason, after: None })
}
