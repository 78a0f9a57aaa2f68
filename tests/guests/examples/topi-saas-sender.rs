//! Sends each outgoing event of topi SaaS, with the values of the provider's own samples, and asks
//! for a retry, which drops the messages. The second attempt sends the events again and succeeds.

use exports::topi_saas::webhooks::handler::{Delivery, Event, Failure, Guest};
use hookyard::plugin::outbox::Error;
use hookyard::plugin::types::Retry;
use topi_saas::webhooks::outgoing::{
    self, AcceptedLine, AcceptedOffer, Asset, CustomerIds, OfferAcceptedPayload,
    OfferContractStartedPayload, OfferDeclinedPayload,
};
use topi_saas::webhooks::types::{Address, EndCustomer, User};

wit_bindgen::generate!({
    path: ["../../wit/hookyard", "../../wit/providers/topi-saas"],
    world: "topi-saas:webhooks/plugin@1.0.0",
    generate_all,
});

const OFFER: &str = "e5f6a7b8-c9d0-1234-efab-345678901234";
const CUSTOMER: &str = "b8c9d0e1-f2a3-4567-bcde-678901234567";

struct Sender;

impl Guest for Sender {
    fn handle(delivery: Delivery, _event: Event) -> Result<(), Failure> {
        for sent in [
            outgoing::offer_accepted(&accepted(), None),
            outgoing::offer_declined(&declined(), Some("partner")),
            outgoing::offer_contract_started(&started(), None),
        ] {
            println!(
                "sent {}",
                sent.map_err(|error| Failure::Reject(error.to_string()))?
            );
        }
        match outgoing::offer_declined(&declined(), Some("nobody")) {
            Err(Error::NoSuchDestination) => {}
            other => return Err(Failure::Reject(format!("nobody was sent to: {other:?}"))),
        }
        match delivery.attempt {
            1 => Err(Failure::Retry(Retry {
                reason: "once more".to_owned(),
                after: None,
            })),
            _ => Ok(()),
        }
    }
}

export!(Sender);

fn text(text: &str) -> String {
    text.to_owned()
}

fn accepted() -> OfferAcceptedPayload {
    OfferAcceptedPayload {
        offer_id: text(OFFER),
        offer: AcceptedOffer {
            offer_lines: vec![AcceptedLine {
                external_id: text("PEAC_LINE_001"),
            }],
        },
        end_customer: EndCustomer {
            end_customer_id: text(CUSTOMER),
            external_id: Some(text("PEAC_CUST_9876")),
            company_name: Some(text("Widgets & Co. GmbH")),
            vat_number: Some(text("DE123456789")),
            tax_number: None,
            registration_number: None,
            returning_customer: Some(false),
            address: Some(address(None, "Musterstraße 42", None, "20095")),
        },
        user: Some(User {
            user_id: text("c9d0e1f2-a3b4-5678-cdef-789012345678"),
            external_id: Some(text("PEAC_USER_5432")),
            email: Some(text("max.muster@widgets-co.de")),
            first_name: Some(text("Max")),
            last_name: Some(text("Muster")),
            phone_number: Some(text("+49 40 12345678")),
        }),
    }
}

fn declined() -> OfferDeclinedPayload {
    OfferDeclinedPayload {
        offer_id: text(OFFER),
        end_customer: Some(CustomerIds {
            end_customer_id: text(CUSTOMER),
            external_id: Some(text("PEAC_CUST_9876")),
        }),
        reason: text("credit_check_failed"),
    }
}

fn started() -> OfferContractStartedPayload {
    OfferContractStartedPayload {
        offer_id: text(OFFER),
        assets: vec![Asset {
            offer_line_id: text("a7b8c9d0-e1f2-3456-abcd-567890123456"),
            external_id: Some(text("PEAC_LINE_001")),
            serial_number: Some(text("C02ZK1ZYMD6T")),
            title: Some(text("Apple MacBook Pro 16\" M3 Pro")),
        }],
        shipping_address: address(
            Some("Widgets & Co. GmbH"),
            "Lagerstraße 7",
            Some("Gebäude B"),
            "20097",
        ),
    }
}

fn address(
    recipient: Option<&str>,
    line1: &str,
    line2: Option<&str>,
    postal_code: &str,
) -> Address {
    Address {
        recipient_name: recipient.map(text),
        line1: text(line1),
        line2: line2.map(text),
        city: text("Hamburg"),
        postal_code: text(postal_code),
        country_code: text("DE"),
    }
}
