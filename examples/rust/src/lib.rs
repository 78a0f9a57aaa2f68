//! Answers the offers that end users accept in topi SaaS.

mod lines;
#[path = "../gen/webhooks.rs"]
mod webhooks;

use std::time::Duration;

use hookyard::{Bucket, Delivery, Outcome, log, minor_units, reject, retry, setting, sum};
use webhooks::Event;
use webhooks::outgoing::{self, OfferAcceptedPayload};

/// The number of offers of each customer.
const CUSTOMERS: Bucket<i64> = Bucket::new("customers");

#[hookyard::handler]
fn handle(event: Event, delivery: Delivery) -> Outcome {
    let Event::OfferAcceptedByUser(accepted) = event else {
        log::debug!("nothing to do for {}", delivery.event_type.as_deref().unwrap_or("an event"));
        return Ok(());
    };
    let it = accepted.payload;

    let total = &it.offer.total_price;
    let lines = sum(it.offer.offer_lines.iter().map(|line| line.price.value));
    match lines {
        Some(lines) if lines == total.value => {}
        Some(lines) => return reject!("the lines come to {lines}, not {}", total.value),
        None => return reject!("the sum of the lines is too large"),
    }
    if setting("paused")?.is_some() {
        return retry!(after = Duration::from_secs(60), "paused in [config]");
    }

    let number = CUSTOMERS.increment(&it.end_customer.end_customer_id, 1)?;
    log::info!(
        "offer {}: {} {}, number {number}, attempt {}",
        it.offer_id,
        minor_units(total.value, 2),
        total.currency,
        delivery.attempt
    );
    let answer = OfferAcceptedPayload {
        offer: lines::accepted(&it.offer),
        offer_id: it.offer_id,
        end_customer: it.end_customer,
        user: it.user,
    };
    outgoing::offer_accepted(&answer, None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use hookyard::Failure;
    use hookyard::testing::{World, fixture};

    use super::*;
    use crate::webhooks::AcceptedByUser;

    fn good() -> AcceptedByUser {
        fixture("fixtures/good.json")
    }

    #[test]
    fn accepted_offer_is_answered() {
        let mut world = World::new();
        let outcome = world.run(handle, Event::OfferAcceptedByUser(good()));

        assert_eq!(outcome, Ok(()));
        let answers = world.sent::<OfferAcceptedPayload>();
        assert_eq!(answers[0].offer.offer_lines[0].external_id, "line-1");
        let customer = &good().payload.end_customer.end_customer_id;
        assert_eq!(world.value("customers", customer).as_deref(), Some("1"));
        assert!(world.log()[0].ends_with(": 4998.00 EUR, number 1, attempt 1"));
    }

    #[test]
    fn wrong_sum_is_rejected() {
        let mut world = World::new();
        let mut offer = good();
        offer.payload.offer.total_price.value += 1;
        let outcome = world.run(handle, Event::OfferAcceptedByUser(offer));

        let reason = "the lines come to 499800, not 499801".to_owned();
        assert_eq!(outcome, Err(Failure::Reject(reason)));
        assert!(world.messages().is_empty());
    }

    #[test]
    fn setting_pauses_the_plugin() {
        let mut world = World::new();
        world.set_setting("paused", "true");
        let outcome = world.run(handle, Event::OfferAcceptedByUser(good()));
        assert!(matches!(outcome, Err(Failure::Retry { after: Some(_), .. })));
    }
}
