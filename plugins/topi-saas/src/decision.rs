//! Decides whether a partner accepts an offer. All functions are pure.
//!
//! Amounts are added up in minor units, with a check for overflow: an offer whose sum overflows is
//! declined.

use crate::terms::Terms;
use crate::topi_saas::webhooks::types::{AcceptedByUserPayload, Money, OfferLine};

/// The partner's answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// The offer is accepted. `total` is a text for people; `lines` contains the partner's own id
    /// of each line, in the order of the offer.
    Accept { total: String, lines: Vec<String> },
    /// The offer is declined. `reason` is one of a few fixed words for topi SaaS; `detail` is for
    /// the partner's log.
    Decline {
        reason: &'static str,
        detail: String,
    },
}

pub fn decide(offer: &AcceptedByUserPayload, terms: &Terms) -> Decision {
    match check(offer, terms) {
        Ok(()) => Decision::Accept {
            total: money(&offer.offer.total_price),
            lines: (1..=offer.offer.offer_lines.len())
                .map(|number| line_id(offer, number))
                .collect(),
        },
        Err((reason, detail)) => Decision::Decline { reason, detail },
    }
}

/// Returns the name of the seller for the log.
pub fn seller(offer: &AcceptedByUserPayload) -> &str {
    let seller = &offer.seller;
    seller
        .seller_name
        .as_deref()
        .or(seller.external_id.as_deref())
        .unwrap_or(&seller.seller_id)
}

/// Returns the name of the end customer for the log.
pub fn customer(offer: &AcceptedByUserPayload) -> &str {
    let customer = &offer.end_customer;
    customer
        .company_name
        .as_deref()
        .or(customer.external_id.as_deref())
        .unwrap_or(&customer.end_customer_id)
}

type Problem = (&'static str, String);

fn check(offer: &AcceptedByUserPayload, terms: &Terms) -> Result<(), Problem> {
    let total = &offer.offer.total_price;
    if offer.offer.offer_lines.is_empty() {
        return Err(("empty_offer", "there are no lines".to_owned()));
    }
    if !terms.currencies.contains(&total.currency) {
        return Err((
            "currency_not_known",
            format!("the total is in {}", total.currency),
        ));
    }
    let mut sum: i64 = 0;
    for line in &offer.offer.offer_lines {
        check_line(line, &total.currency)?;
        sum = sum
            .checked_add(line.price.value)
            .ok_or_else(|| wrong("the lines' sum is out of range".to_owned()))?;
    }
    if sum != total.value {
        let sum = money(&Money {
            value: sum,
            currency: total.currency.clone(),
        });
        return Err(wrong(format!(
            "the sum of the lines is {sum}, the total is {}",
            money(total)
        )));
    }
    check_country(offer, &terms.countries)
}

fn check_line(line: &OfferLine, currency: &str) -> Result<(), Problem> {
    let id = &line.offer_line_id;
    for price in [&line.product_price, &line.price] {
        if price.currency != currency {
            return Err((
                "mixed_currencies",
                format!(
                    "line {id} is in {}, the total in {currency}",
                    price.currency
                ),
            ));
        }
    }
    if line.quantity == 0 || line.product_price.value < 0 {
        return Err(wrong(format!(
            "line {id} is {} of {}",
            line.quantity,
            money(&line.product_price)
        )));
    }
    if line
        .product_price
        .value
        .checked_mul(i64::from(line.quantity))
        != Some(line.price.value)
    {
        let (one, all) = (money(&line.product_price), money(&line.price));
        return Err(wrong(format!(
            "line {id} is {} of {one}, but costs {all}",
            line.quantity
        )));
    }
    Ok(())
}

/// Checks the country of the shipping address or, if the offer has none, of the customer's address.
fn check_country(offer: &AcceptedByUserPayload, countries: &[String]) -> Result<(), Problem> {
    let address = offer
        .shipping_address
        .as_ref()
        .or(offer.end_customer.address.as_ref());
    match address.map(|address| &address.country_code) {
        Some(country) if countries.contains(country) => Ok(()),
        Some(country) => Err(("country_not_served", format!("it ships to {country}"))),
        None => Err(("country_not_served", "it has no address".to_owned())),
    }
}

fn wrong(detail: String) -> Problem {
    ("wrong_total", detail)
}

/// Returns the partner's own id of a line. The id is derived from the offer and the position of the
/// line, so that a repeated attempt makes the same id.
fn line_id(offer: &AcceptedByUserPayload, number: usize) -> String {
    format!("{}-{number:03}", offer.offer_id)
}

/// Formats an amount, such as `2499.00 EUR`. Currencies without two decimal places would need a
/// table.
fn money(money: &Money) -> String {
    let sign = if money.value < 0 { "-" } else { "" };
    let units = money.value.unsigned_abs();
    format!(
        "{sign}{}.{:02} {}",
        units / 100,
        units % 100,
        money.currency
    )
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::topi_saas::webhooks::types::{Address, EndCustomer, Offer, Seller};

    fn eur(value: i64) -> Money {
        Money {
            value,
            currency: "EUR".to_owned(),
        }
    }

    pub fn line(quantity: u32, one: i64, all: i64) -> OfferLine {
        OfferLine {
            offer_line_id: "l-1".to_owned(),
            title: Some("Laptop".to_owned()),
            quantity,
            product_price: eur(one),
            price: eur(all),
            product_category: None,
        }
    }

    pub fn offer(lines: Vec<OfferLine>, total: i64) -> AcceptedByUserPayload {
        let address = Address {
            recipient_name: None,
            line1: "Lagerstraße 7".to_owned(),
            line2: None,
            city: "Hamburg".to_owned(),
            postal_code: "20097".to_owned(),
            country_code: "DE".to_owned(),
        };
        AcceptedByUserPayload {
            offer_id: "e5f6a7b8-c9d0".to_owned(),
            seller: Seller {
                seller_id: "s-1".to_owned(),
                seller_name: None,
                external_id: None,
            },
            offer: Offer {
                offer_lines: lines,
                total_price: eur(total),
            },
            end_customer: EndCustomer {
                end_customer_id: "c-1".to_owned(),
                external_id: None,
                company_name: None,
                vat_number: None,
                tax_number: None,
                registration_number: None,
                returning_customer: None,
                address: Some(address),
            },
            user: None,
            shipping_address: None,
        }
    }

    fn declined(offer: &AcceptedByUserPayload) -> (&'static str, String) {
        match decide(offer, &Terms::new(Some("DE"), None)) {
            Decision::Decline { reason, detail } => (reason, detail),
            Decision::Accept { total, .. } => ("accepted", total),
        }
    }

    #[test]
    fn consistent_offer_is_accepted() {
        let offer = offer(vec![line(2, 249_900, 499_800), line(1, 5, 5)], 499_805);
        let lines = ["e5f6a7b8-c9d0-001", "e5f6a7b8-c9d0-002"];
        let expected = Decision::Accept {
            total: "4998.05 EUR".to_owned(),
            lines: lines.map(str::to_owned).into(),
        };
        assert_eq!(decide(&offer, &Terms::new(Some("DE"), None)), expected);
    }

    #[test]
    fn inconsistent_offer_is_declined() {
        let check = |lines, total, reason, detail: &str| {
            assert_eq!(declined(&offer(lines, total)), (reason, detail.to_owned()));
        };
        check(vec![], 0, "empty_offer", "there are no lines");
        check(
            vec![line(2, 100, 200)],
            201,
            "wrong_total",
            "the sum of the lines is 2.00 EUR, the total is 2.01 EUR",
        );
        check(
            vec![line(2, 100, 201)],
            201,
            "wrong_total",
            "line l-1 is 2 of 1.00 EUR, but costs 2.01 EUR",
        );
        check(
            vec![line(0, 100, 0)],
            0,
            "wrong_total",
            "line l-1 is 0 of 1.00 EUR",
        );
        check(
            vec![line(1, -100, -100)],
            -100,
            "wrong_total",
            "line l-1 is 1 of -1.00 EUR",
        );
        let most = || line(1, i64::MAX, i64::MAX);
        check(
            vec![most(), most()],
            -2,
            "wrong_total",
            "the lines' sum is out of range",
        );
        let line = OfferLine {
            price: Money {
                value: 100,
                currency: "CHF".to_owned(),
            },
            ..line(1, 100, 100)
        };
        check(
            vec![line],
            100,
            "mixed_currencies",
            "line l-1 is in CHF, the total in EUR",
        );
    }

    #[test]
    fn other_countries_are_declined() {
        let offer = offer(vec![line(1, 100, 100)], 100);
        let terms = Terms::new(Some("FR"), None);
        let Decision::Decline { reason, detail } = decide(&offer, &terms) else {
            panic!("accepted")
        };
        assert_eq!(
            (reason, detail.as_str()),
            ("country_not_served", "it ships to DE")
        );
    }

    #[test]
    fn other_currencies_are_declined() {
        let terms = Terms::new(None, Some("CHF, USD"));
        let Decision::Decline { reason, detail } =
            decide(&offer(vec![line(1, 100, 100)], 100), &terms)
        else {
            panic!("accepted")
        };
        assert_eq!(
            (reason, detail.as_str()),
            ("currency_not_known", "the total is in EUR")
        );
    }
}
