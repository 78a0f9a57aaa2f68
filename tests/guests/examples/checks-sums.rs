//! Compares the sum of an order of topi SaaS with its total, and does nothing else.

use exports::topi_saas::webhooks::handler::{Delivery, Event, Failure, Guest};
use topi_saas::webhooks::types::Offer;

wit_bindgen::generate!({
    path: ["../../wit/hookyard", "../../wit/providers/topi-saas"],
    world: "topi-saas:webhooks/plugin@1.0.0",
    generate_all,
});

struct Checker;

impl Guest for Checker {
    fn handle(_: Delivery, event: Event) -> Result<(), Failure> {
        let Event::OfferAcceptedByUser(accepted) = event else {
            return Ok(());
        };
        match sum(&accepted.payload.offer) {
            Some(sum) if sum == accepted.payload.offer.total_price.value => Ok(()),
            _ => Err(Failure::Reject("the lines are not the total".to_owned())),
        }
    }
}

export!(Checker);

/// Returns the sum of the lines in the currency of the total.
fn sum(offer: &Offer) -> Option<i64> {
    let currency = &offer.total_price.currency;
    offer.offer_lines.iter().try_fold(0i64, |sum, line| {
        let price = &line.product_price;
        let all = price.value.checked_mul(i64::from(line.quantity))?;
        (price.currency == *currency).then(|| sum.checked_add(all))?
    })
}
