//! What a bookkeeper writes for each event. Pure: the order and the time go in, lines or trouble come out.

pub mod offramp;
pub mod onramp;
pub mod user;

use std::time::Duration;

use crate::decimal::Decimal;
use crate::topper::webhooks::types::{Error, Fee};

/// Why an event wasn't booked.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It can't be true, and won't be by waiting.
    Nonsense(String),
    /// It can't be settled yet.
    TooEarly { why: String, wait: Duration },
}

/// An amount that was looked at: it is a decimal above nought.
fn amount(order: &str, what: &str, text: &str) -> Result<Decimal, Trouble> {
    match Decimal::parse(text) {
        Some(amount) if amount.is_positive() => Ok(amount),
        Some(_) => Err(nonsense(order, format!("{what} is {text}, not above nought"))),
        None => Err(nonsense(order, format!("{what} is {text:?}, not a decimal"))),
    }
}

/// The sum of the fees that are charged in `asset`. Fees in other assets can't be added to it.
fn fees_in<'a>(order: &str, asset: &str, fees: impl IntoIterator<Item = &'a Fee>) -> Result<Decimal, Trouble> {
    let mut sum = Decimal::ZERO;
    for fee in fees.into_iter().filter(|fee| fee.asset == asset) {
        let what = format!("the {} fee", fee.type_);
        let one = Decimal::parse(&fee.amount).filter(|one| !one.is_negative());
        let one = one.ok_or_else(|| nonsense(order, format!("{what} is {:?}", fee.amount)))?;
        sum = sum.plus(one).ok_or_else(|| nonsense(order, format!("{what} has too many digits")))?;
    }
    Ok(sum)
}

/// What is left of `amount` after the fees; fees above the price are nonsense.
fn after_fees(order: &str, amount: Decimal, fees: Decimal, asset: &str) -> Result<Decimal, Trouble> {
    match amount.minus(fees) {
        Some(rest) if !rest.is_negative() => Ok(rest),
        _ => Err(nonsense(order, format!("fees of {fees} {asset} are above the amount of {amount} {asset}"))),
    }
}

fn reason(error: Option<&Error>) -> &str {
    error.and_then(|error| error.reason.as_deref()).unwrap_or("no reason given")
}

fn nonsense(order: &str, why: String) -> Trouble {
    Trouble::Nonsense(format!("order {order}: {why}"))
}
