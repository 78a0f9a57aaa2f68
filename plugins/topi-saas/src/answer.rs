//! Makes the answers, which are a partner's events, from the offer. All functions are pure.

use crate::topi_saas::webhooks::outgoing::{
    AcceptedLine, AcceptedOffer, CustomerIds, OfferAcceptedPayload, OfferDeclinedPayload,
};
use crate::topi_saas::webhooks::types::{AcceptedByUserPayload, EndCustomer, User};

/// Returns the payload of `offer.accepted`: the offer with the partner's own ids. `lines` are the
/// ids of the lines, in the order of the offer.
pub fn accepted(offer: &AcceptedByUserPayload, lines: Vec<String>) -> OfferAcceptedPayload {
    let customer = &offer.end_customer;
    let user = |user: &User| User {
        external_id: Some(user_id(user)),
        ..user.clone()
    };
    OfferAcceptedPayload {
        offer_id: offer.offer_id.clone(),
        offer: AcceptedOffer {
            offer_lines: lines
                .into_iter()
                .map(|external_id| AcceptedLine { external_id })
                .collect(),
        },
        end_customer: EndCustomer {
            external_id: Some(customer_id(customer)),
            ..customer.clone()
        },
        user: offer.user.as_ref().map(user),
    }
}

/// Returns the payload of `offer.declined`. `reason` is one of a few fixed words.
pub fn declined(offer: &AcceptedByUserPayload, reason: &str) -> OfferDeclinedPayload {
    let customer = &offer.end_customer;
    OfferDeclinedPayload {
        offer_id: offer.offer_id.clone(),
        // A declined company does not become a customer, so it does not get a new id.
        end_customer: Some(CustomerIds {
            end_customer_id: customer.end_customer_id.clone(),
            external_id: customer.external_id.clone(),
        }),
        reason: reason.to_owned(),
    }
}

/// Returns the partner's id of the company. A new id is derived from topi's id, so that a repeated
/// attempt makes the same id.
fn customer_id(customer: &EndCustomer) -> String {
    customer
        .external_id
        .clone()
        .unwrap_or_else(|| format!("customer-{}", customer.end_customer_id))
}

fn user_id(user: &User) -> String {
    user.external_id
        .clone()
        .unwrap_or_else(|| format!("user-{}", user.user_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::tests::{line, offer};

    #[test]
    fn accepted_offer_has_partner_ids() {
        let mut offer = offer(vec![line(2, 100, 200)], 200);
        offer.user = Some(User {
            user_id: "u-1".to_owned(),
            external_id: Some("OURS_5432".to_owned()),
            email: None,
            first_name: None,
            last_name: None,
            phone_number: None,
        });
        let answer = accepted(&offer, vec!["line-1".to_owned()]);
        assert_eq!(answer.offer_id, offer.offer_id);
        assert_eq!(
            answer
                .offer
                .offer_lines
                .iter()
                .map(|line| &line.external_id)
                .collect::<Vec<_>>(),
            ["line-1"]
        );
        assert_eq!(
            answer.end_customer.external_id.as_deref(),
            Some("customer-c-1"),
            "a new company"
        );
        assert_eq!(
            answer.end_customer.address.map(|it| it.city).as_deref(),
            Some("Hamburg"),
            "the address is unchanged"
        );
        assert_eq!(
            answer.user.and_then(|user| user.external_id).as_deref(),
            Some("OURS_5432"),
            "a known person"
        );
    }

    #[test]
    fn declined_offer_has_reason_and_no_new_id() {
        let answer = declined(&offer(vec![], 0), "empty_offer");
        assert_eq!(
            (answer.offer_id.as_str(), answer.reason.as_str()),
            ("e5f6a7b8-c9d0", "empty_offer")
        );
        let customer = answer
            .end_customer
            .map(|it| (it.end_customer_id, it.external_id));
        assert_eq!(customer, Some(("c-1".to_owned(), None)));
    }
}
