//! The parts that the host's two workers share: dispatch, which runs jobs, and delivery, which
//! sends messages.
//!
//! Each worker is a loop. It claims due work from the store, starts a task for each item, and waits
//! for a reason to look at the store again. The loops are written out in their own crates, because
//! they differ in what they wait for and in what they do with an item. This crate has what is the
//! same in both: [`Running`] holds the tasks, [`next_look`] says when to look again, and [`Pause`]
//! leaves a store alone after it failed. For delivery, [`Slots`] limits how many tasks run and
//! shares them fairly, and [`hold_lease`] extends a lease while its task runs; dispatch, which has
//! many short tasks, does both in its loop.
//!
//! [`insist`] repeats a call that the store could not serve. The keeper of releases uses it too.

mod slots;
mod running;
mod lease;
mod look;
mod pause;
mod insist;

pub use insist::insist;
pub use lease::hold_lease;
pub use look::{due_instant, next_look};
pub use pause::Pause;
pub use running::{EndedTask, Running};
pub use slots::Slots;
