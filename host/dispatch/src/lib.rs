//! Dispatch: claims due jobs from the inbox, has each run once by a `Runner`, and settles what it came to.

pub mod runner;

pub use runner::{Active, Ran, Runner};
