//! Orders to sell crypto: crypto comes in, fiat money goes out.

use std::time::Duration;

use super::{Trouble, after_fees, amount, fees_in, reason};
use crate::timestamp;
use crate::topper::webhooks::types::OfframpOrder;

pub fn committed(order: &OfframpOrder) -> Result<Vec<String>, Trouble> {
    check(order)?;
    Ok(vec![format!(
        "expect {} for {}, order {}",
        sold(order),
        paid(order),
        order.id
    )])
}

pub fn funds_sent(order: &OfframpOrder) -> Result<Vec<String>, Trouble> {
    check(order)?;
    Ok(vec![format!(
        "expect {} any moment: the user says that it is sent, order {}",
        sold(order),
        order.id
    )])
}

pub fn funds_received(order: &OfframpOrder) -> Result<Vec<String>, Trouble> {
    let fees = check(order)?;
    Ok(vec![format!(
        "in     {}, {fees}, order {}",
        sold(order),
        order.id
    )])
}

pub fn completed(order: &OfframpOrder) -> Result<Vec<String>, Trouble> {
    check(order)?;
    let method = order
        .destination
        .payment_method
        .as_ref()
        .map_or("unknown means", |method| &method.type_);
    Ok(vec![
        format!("out    {} to {method}, order {}", paid(order), order.id),
        format!("close  order {}: completed", order.id),
    ])
}

/// Closes an expired order. The crypto of an order that the user canceled may still arrive, so the
/// order stays open while Topper watches the deposit address.
pub fn expired(order: &OfframpOrder, now: i64) -> Result<Vec<String>, Trouble> {
    let address = order.origin.deposit_address.as_ref();
    let until = address.and_then(|address| {
        address
            .expires_at
            .as_deref()
            .or(address.expired_at.as_deref())
    });
    let left = until
        .and_then(timestamp::parse)
        .and_then(|until| u64::try_from(until.saturating_sub(now)).ok());
    match left {
        Some(left @ 1..) => Err(Trouble::TooEarly {
            why: format!(
                "order {}: its deposit address is watched for another {} s",
                order.id,
                left.div_ceil(1000)
            ),
            wait: Duration::from_millis(left),
        }),
        _ => Ok(vec![format!(
            "close  order {}: expired, {} did not arrive",
            order.id,
            sold(order)
        )]),
    }
}

pub fn failed(order: &OfframpOrder) -> Result<Vec<String>, Trouble> {
    Ok(vec![format!(
        "close  order {}: failed ({}), {} not paid",
        order.id,
        reason(order.error.as_ref()),
        paid(order)
    )])
}

pub fn refunded(order: &OfframpOrder) -> Result<Vec<String>, Trouble> {
    let Some(refund) = &order.refund else {
        return Err(Trouble::Nonsense(format!(
            "order {}: a refund without the refunded amount",
            order.id
        )));
    };
    amount(&order.id, "the amount refunded", &refund.amount)?;
    let to = refund.address.as_deref().unwrap_or("an address not named");
    Ok(vec![format!(
        "out    {} {} back to {to}, order {}",
        refund.amount, refund.asset, order.id
    )])
}

/// Checks the amounts of an order and returns the description of the fees.
fn check(order: &OfframpOrder) -> Result<String, Trouble> {
    let asset = &order.origin.asset;
    let sold = amount(&order.id, "the amount sold", &order.origin.amount)?;
    amount(
        &order.id,
        "the amount to be paid",
        &order.destination.amount,
    )?;
    let fees = fees_in(&order.id, asset, order.fees.as_deref().unwrap_or_default())?;
    let rest = after_fees(&order.id, sold, fees, asset)?;
    Ok(format!(
        "including {fees} {asset} of fees ({rest} {asset} are sold)"
    ))
}

fn sold(order: &OfframpOrder) -> String {
    format!("{} {}", order.origin.amount, order.origin.asset)
}

fn paid(order: &OfframpOrder) -> String {
    format!("{} {}", order.destination.amount, order.destination.asset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topper::webhooks::types::{CryptoDeposit, DepositAddress, Payment};

    fn order(expires_at: Option<&str>) -> OfframpOrder {
        let address = DepositAddress {
            value: None,
            tag: None,
            expires_at: expires_at.map(str::to_owned),
            expired_at: None,
            remind_at: None,
        };
        OfframpOrder {
            id: "o-2".into(),
            status: "expired".into(),
            created_at: None,
            updated_at: None,
            origin: CryptoDeposit {
                amount: "0.5".into(),
                rate: None,
                asset: "BTC".into(),
                network: None,
                deposit_address: Some(address),
            },
            destination: Payment {
                amount: "25.63".into(),
                rate: None,
                asset: "EUR".into(),
                payment_method: None,
            },
            fees: None,
            widget: None,
            error: None,
            refund: None,
        }
    }

    #[test]
    fn watched_expired_order_stays_open() {
        let at = |seconds: i64| expired(&order(Some("1970-01-01T00:01:00Z")), seconds * 1000);
        let closed = Ok(vec![
            "close  order o-2: expired, 0.5 BTC did not arrive".to_owned(),
        ]);
        assert_eq!(
            at(15),
            Err(Trouble::TooEarly {
                why: "order o-2: its deposit address is watched for another 45 s".to_owned(),
                wait: Duration::from_secs(45),
            })
        );
        assert_eq!(at(60), closed);
        assert_eq!(at(600), closed);
        assert_eq!(expired(&order(None), 0), closed);
        assert_eq!(expired(&order(Some("soon")), 0), closed);
    }

    #[test]
    fn refund_without_amount_is_refused() {
        let expected =
            Trouble::Nonsense("order o-2: a refund without the refunded amount".to_owned());
        assert_eq!(refunded(&order(None)), Err(expected));
    }
}
