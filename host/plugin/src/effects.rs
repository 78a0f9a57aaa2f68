//! The effects of a running attempt: the values that it has read, its writes, its messages and its
//! response.
//!
//! Nothing happens during the call. The buffer collects the effects and shows the guest its own
//! writes. The dispatcher commits them together with the outcome, or drops them (invariant 6).

pub(crate) mod values;

mod buffer;
mod messages;
mod response;

#[cfg(test)]
mod tests;

pub(crate) use buffer::{Buffer, EffectSource, Refusal, UnreadableStore};
pub(crate) use response::ResponseRefusal;
