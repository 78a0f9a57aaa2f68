//! The SQLite inbox as its users see it: on files, opened and opened again.

mod beside;
mod contract;
mod fixtures;
mod grouping;
mod opening;
mod reopening;
