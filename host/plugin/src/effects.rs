//! The effects of one attempt while it runs: what it has read, what it will write and what it will
//! send.
//!
//! Nothing happens during the call. The buffer collects the effects and shows the guest its own
//! writes. The dispatcher commits them together with the outcome, or drops them (invariant 6).

pub(crate) mod values;

mod buffer;
mod messages;

#[cfg(test)]
mod tests;

pub(crate) use buffer::{Buffer, EffectSource, Refusal, UnreadableStore};
