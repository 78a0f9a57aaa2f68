//! Adds up the lines of an offer of topi SaaS, and rejects an offer whose total differs. The
//! benchmarks measure this plugin: it takes a typed event and calls no function of the host.

use exports::topi_saas::webhooks::handler::{Delivery, Event, Failure, Guest};

wit_bindgen::generate!({
    path: ["../../wit/hookyard", "../../wit/providers/topi-saas"],
    world: "topi-saas:webhooks/plugin@1.0.0",
    generate_all,
});

struct Sums;

impl Guest for Sums {
    fn handle(_: Delivery, event: Event) -> Result<(), Failure> {
        let Event::OfferAcceptedByUser(event) = event else {
            return Ok(());
        };
        let offer = event.payload.offer;

        let mut sum: i64 = 0;
        for line in &offer.offer_lines {
            let price = line
                .product_price
                .value
                .checked_mul(i64::from(line.quantity));
            sum = price
                .and_then(|price| sum.checked_add(price))
                .ok_or_else(|| Failure::Reject("the sum is out of range".to_owned()))?;
        }

        if sum == offer.total_price.value {
            Ok(())
        } else {
            let total = offer.total_price.value;
            Err(Failure::Reject(format!(
                "the lines come to {sum}, not {total}"
            )))
        }
    }
}

export!(Sums);
