//! Keeps books of the money that moves in Topper's orders.
//!
//! For every event, this plugin prints the lines that a bookkeeper would write; Hookyard adds them
//! to its log. An order that cannot be true (a negative amount, fees above the price) is rejected
//! with the reason. If an off-ramp order expires while Topper still watches its deposit address,
//! the plugin asks for a retry after that time.
//!
//! This file connects the generated bindings to `books`, which contains the rules and does not
//! depend on Wasm.

mod books;
mod decimal;
mod timestamp;

use std::time::{SystemTime, UNIX_EPOCH};

use books::{Trouble, offramp, onramp, user};
use exports::topper::webhooks::handler::{Delivery, Event, Failure, Guest};
use hookyard::plugin::types::Retry;

wit_bindgen::generate!({ generate_all });

struct Plugin;

impl Guest for Plugin {
    fn handle(delivery: Delivery, event: Event) -> Result<(), Failure> {
        let lines = entries(&delivery, event).map_err(failure)?;
        for line in lines {
            println!("{line}");
        }
        Ok(())
    }
}

export!(Plugin);

fn entries(delivery: &Delivery, event: Event) -> Result<Vec<String>, Trouble> {
    match event {
        Event::CryptoOnrampCommitted(event) => onramp::committed(&event.data),
        Event::CryptoOnrampCharged(event) => onramp::charged(&event.data),
        Event::CryptoOnrampCryptoSent(event) => onramp::crypto_sent(&event.data),
        Event::CryptoOnrampCompleted(event) => onramp::completed(&event.data),
        Event::CryptoOnrampFailed(event) => onramp::failed(&event.data),
        Event::CryptoOnrampExpired(event) => onramp::expired(&event.data),
        Event::CryptoOnrampRefundCompleted(event) => onramp::refunded(&event.data),
        Event::CryptoOfframpCommitted(event) => offramp::committed(&event.data),
        Event::CryptoOfframpFundsSent(event) => offramp::funds_sent(&event.data),
        Event::CryptoOfframpFundsReceived(event) => offramp::funds_received(&event.data),
        Event::CryptoOfframpCompleted(event) => offramp::completed(&event.data),
        Event::CryptoOfframpExpired(event) => offramp::expired(&event.data, now()),
        Event::CryptoOfframpFailed(event) => offramp::failed(&event.data),
        Event::CryptoOfframpRefundCompleted(event) => offramp::refunded(&event.data),
        Event::UserCreated(event) => Ok(user::line("account made", &event.data)),
        Event::UserLoggedIn(event) => Ok(user::line("logged in", &event.data)),
        Event::UserKycIdentityInitiated(event) => {
            Ok(user::line("identity check began", &event.data))
        }
        Event::UserKycIdentitySucceeded(event) => {
            Ok(user::line("identity check passed", &event.data))
        }
        Event::UserKycIdentityFailed(event) => Ok(user::line("identity check failed", &event.data)),
        Event::Other(text) => Ok(vec![unknown(delivery, &text)]),
    }
}

/// Returns the line for an event of an unknown type. Such an event is not a failure, because it
/// moves no money that this plugin knows about.
fn unknown(delivery: &Delivery, text: &str) -> String {
    let name = delivery.event_type.as_deref().unwrap_or("unnamed");
    format!("skip {name}: not in these books ({} bytes)", text.len())
}

fn failure(trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Nonsense(why) => Failure::Reject(why),
        Trouble::TooEarly { why, wait } => Failure::Retry(Retry {
            reason: why,
            after: u64::try_from(wait.as_millis()).ok(),
        }),
    }
}

/// Returns the current time in milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
