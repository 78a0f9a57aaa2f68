//! Makes the partner's own ids of an offer's lines.

use crate::webhooks::Offer;
use crate::webhooks::outgoing::{AcceptedLine, AcceptedOffer};

/// Names the lines by their position, so that a repeated attempt makes the same ids.
pub fn accepted(offer: &Offer) -> AcceptedOffer {
    let ids = (1..=offer.offer_lines.len()).map(|number| format!("line-{number}"));
    AcceptedOffer { offer_lines: ids.map(|external_id| AcceptedLine { external_id }).collect() }
}
