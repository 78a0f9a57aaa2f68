//! Tests of whole imports, through the public interface of the crate.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

mod golden;
mod faults;
mod properties;
mod real;
mod again;
