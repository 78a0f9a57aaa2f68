//! The effects of a running attempt: the values that it has read, its writes and its messages.
//!
//! Nothing happens during the call. The buffer collects the effects and shows the guest its own
//! writes. The dispatcher commits them together with the outcome, or drops them (invariant 6).

pub(crate) mod values;

mod buffer;
mod messages;

#[cfg(test)]
mod tests;

pub(crate) use buffer::{Buffer, EffectSource, Refusal, UnreadableStore};
