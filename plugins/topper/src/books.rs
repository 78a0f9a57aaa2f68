//! Maps each event to the lines of a bookkeeper. All functions are pure: they take the order and
//! the time, and return the lines or the reason why there are none.

pub mod offramp;
pub mod onramp;
pub mod user;

use std::time::Duration;

use crate::decimal::Decimal;
use crate::topper::webhooks::types::{Error, Fee};

/// The reason why an event was not booked.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The event cannot be true, now or later.
    Nonsense(String),
    /// The event cannot be booked yet.
    TooEarly { why: String, wait: Duration },
}

/// Reads an amount, which must be a decimal above zero.
fn amount(order: &str, what: &str, text: &str) -> Result<Decimal, Trouble> {
    match Decimal::parse(text) {
        Some(amount) if amount.is_positive() => Ok(amount),
        Some(_) => Err(nonsense(order, format!("{what} is {text}, not above zero"))),
        None => Err(nonsense(
            order,
            format!("{what} is {text:?}, not a decimal"),
        )),
    }
}

/// Returns the sum of the fees that are charged in `asset`. Fees in other assets cannot be added to
/// the sum.
fn fees_in<'a>(
    order: &str,
    asset: &str,
    fees: impl IntoIterator<Item = &'a Fee>,
) -> Result<Decimal, Trouble> {
    let mut sum = Decimal::ZERO;
    for fee in fees.into_iter().filter(|fee| fee.asset == asset) {
        let what = format!("the {} fee", fee.type_);
        let one = Decimal::parse(&fee.amount).filter(|one| !one.is_negative());
        let one = one.ok_or_else(|| nonsense(order, format!("{what} is {:?}", fee.amount)))?;
        sum = sum
            .plus(one)
            .ok_or_else(|| nonsense(order, format!("{what} has too many digits")))?;
    }
    Ok(sum)
}

/// Returns `amount` minus the fees, which must not exceed the amount.
fn after_fees(
    order: &str,
    amount: Decimal,
    fees: Decimal,
    asset: &str,
) -> Result<Decimal, Trouble> {
    match amount.minus(fees) {
        Some(rest) if !rest.is_negative() => Ok(rest),
        _ => Err(nonsense(
            order,
            format!("fees of {fees} {asset} are above the amount of {amount} {asset}"),
        )),
    }
}

fn reason(error: Option<&Error>) -> &str {
    error
        .and_then(|error| error.reason.as_deref())
        .unwrap_or("no reason given")
}

fn nonsense(order: &str, why: String) -> Trouble {
    Trouble::Nonsense(format!("order {order}: {why}"))
}
