//! Orders to buy crypto: fiat money comes in, crypto goes out.

use super::{Trouble, after_fees, amount, fees_in, reason};
use crate::topper::webhooks::types::OnrampOrder;

pub fn committed(order: &OnrampOrder) -> Result<Vec<String>, Trouble> {
    check(order)?;
    Ok(vec![format!(
        "expect {} for {}, order {}",
        paid(order),
        bought(order),
        order.id
    )])
}

pub fn charged(order: &OnrampOrder) -> Result<Vec<String>, Trouble> {
    let fees = check(order)?;
    Ok(vec![format!(
        "in     {} by {}, {fees}, order {}",
        paid(order),
        method(order),
        order.id
    )])
}

pub fn crypto_sent(order: &OnrampOrder) -> Result<Vec<String>, Trouble> {
    check(order)?;
    Ok(vec![format!(
        "out    {} to {}, {}, order {}",
        bought(order),
        order.destination.address,
        ledger(order),
        order.id
    )])
}

/// Repeats the outgoing amount, because the previous event may have been lost or may arrive later.
pub fn completed(order: &OnrampOrder) -> Result<Vec<String>, Trouble> {
    let mut lines = crypto_sent(order)?;
    let of_partner = order.fees.iter().filter(|fee| fee.type_ == "partner");
    let earned = fees_in(&order.id, &order.origin.asset, of_partner)?;
    lines.push(format!(
        "close  order {}: completed, earned {earned} {}",
        order.id, order.origin.asset
    ));
    Ok(lines)
}

pub fn failed(order: &OnrampOrder) -> Result<Vec<String>, Trouble> {
    Ok(vec![format!(
        "close  order {}: failed ({}), {} not sent",
        order.id,
        reason(order.error.as_ref()),
        bought(order)
    )])
}

pub fn expired(order: &OnrampOrder) -> Result<Vec<String>, Trouble> {
    Ok(vec![format!(
        "close  order {}: expired, {} not charged",
        order.id,
        paid(order)
    )])
}

pub fn refunded(order: &OnrampOrder) -> Result<Vec<String>, Trouble> {
    check(order)?;
    let refund = order
        .refund
        .as_ref()
        .and_then(|refund| refund.formatted_amount.clone());
    let refund = refund.unwrap_or_else(|| paid(order));
    Ok(vec![format!(
        "out    {refund} back by {}, order {}",
        method(order),
        order.id
    )])
}

/// Checks the amounts of an order and returns the description of the fees.
fn check(order: &OnrampOrder) -> Result<String, Trouble> {
    let asset = &order.origin.asset;
    let paid = amount(&order.id, "the amount paid", &order.origin.amount)?;
    amount(&order.id, "the amount bought", &order.destination.amount)?;
    let fees = fees_in(&order.id, asset, &order.fees)?;
    let rest = after_fees(&order.id, paid, fees, asset)?;
    Ok(format!(
        "including {fees} {asset} of fees ({rest} {asset} buy crypto)"
    ))
}

fn paid(order: &OnrampOrder) -> String {
    format!("{} {}", order.origin.amount, order.origin.asset)
}

fn bought(order: &OnrampOrder) -> String {
    format!(
        "{} {} on {}",
        order.destination.amount, order.destination.asset, order.destination.network
    )
}

fn method(order: &OnrampOrder) -> &str {
    order
        .origin
        .payment_method
        .as_ref()
        .map_or("unknown means", |method| &method.type_)
}

fn ledger(order: &OnrampOrder) -> String {
    match order
        .destination
        .ledger
        .as_ref()
        .and_then(|ledger| ledger.txid.as_deref())
    {
        Some(txid) => format!("tx {txid}"),
        None => "no tx named: match by address".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topper::webhooks::types::{CryptoPayout, Fee, Ledger, Payment, PaymentMethod};

    fn fee(kind: &str, amount: &str, asset: &str) -> Fee {
        Fee {
            amount: amount.into(),
            asset: asset.into(),
            normalized: None,
            type_: kind.into(),
        }
    }

    fn order(paid: &str, bought: &str, fees: Vec<Fee>) -> OnrampOrder {
        OnrampOrder {
            id: "o-1".into(),
            status: "processing".into(),
            created_at: None,
            updated_at: None,
            origin: Payment {
                amount: paid.into(),
                rate: None,
                asset: "EUR".into(),
                payment_method: Some(PaymentMethod {
                    type_: "credit-card".into(),
                    network: None,
                }),
            },
            destination: CryptoPayout {
                amount: bought.into(),
                rate: None,
                asset: "ETH".into(),
                network: "ethereum".into(),
                address: "0x52".into(),
                tag: None,
                priority: None,
                ledger: Some(Ledger {
                    txid: Some("0x8f".into()),
                    url: None,
                }),
            },
            fees,
            widget: None,
            error: None,
            refund: None,
        }
    }

    #[test]
    fn movements_are_booked() {
        let order = order(
            "100.00",
            "0.04",
            vec![
                fee("network", "11.58", "EUR"),
                fee("partner", "1.00", "EUR"),
            ],
        );
        let check = |lines: Result<Vec<String>, Trouble>, expected: &[&str]| {
            assert_eq!(
                lines,
                Ok(expected.iter().map(|&line| line.to_owned()).collect())
            );
        };
        check(
            committed(&order),
            &["expect 100.00 EUR for 0.04 ETH on ethereum, order o-1"],
        );
        check(
            charged(&order),
            &[
                "in     100.00 EUR by credit-card, including 12.58 EUR of fees (87.42 EUR buy crypto), order o-1",
            ],
        );
        check(
            completed(&order),
            &[
                "out    0.04 ETH on ethereum to 0x52, tx 0x8f, order o-1",
                "close  order o-1: completed, earned 1.00 EUR",
            ],
        );
        check(
            refunded(&order),
            &["out    100.00 EUR back by credit-card, order o-1"],
        );
    }

    #[test]
    fn impossible_orders_are_refused() {
        let check = |order: OnrampOrder, expected: &str| {
            assert_eq!(charged(&order), Err(Trouble::Nonsense(expected.to_owned())));
        };
        check(
            order("-1.00", "0.04", vec![]),
            "order o-1: the amount paid is -1.00, not above zero",
        );
        check(
            order("1e9", "0.04", vec![]),
            "order o-1: the amount paid is \"1e9\", not a decimal",
        );
        check(
            order("100", "0.00", vec![]),
            "order o-1: the amount bought is 0.00, not above zero",
        );
        check(
            order("10", "1", vec![fee("network", "-2", "EUR")]),
            "order o-1: the network fee is \"-2\"",
        );
        check(
            order(
                "10.00",
                "1",
                vec![fee("network", "6", "EUR"), fee("deposit", "4.01", "EUR")],
            ),
            "order o-1: fees of 10.01 EUR are above the amount of 10.00 EUR",
        );
    }

    #[test]
    fn fees_in_other_assets_are_ignored() {
        let order = order("10.00", "1", vec![fee("network", "600", "DOGE")]);
        assert!(charged(&order).is_ok());
    }
}
