//! The shapes of the API: plain data that is written as JSON, one file for each resource.
//!
//! Times are texts in RFC 3339 in UTC with milliseconds. Sizes are in bytes. A body is text if it is
//! UTF-8, and base64 otherwise.

pub mod status;
pub mod body;
pub mod event;
pub mod message;
pub mod plugin;
pub mod source;
pub mod list;
pub mod change;
pub mod audit;
pub mod overview;
pub mod chart;
pub mod me;
