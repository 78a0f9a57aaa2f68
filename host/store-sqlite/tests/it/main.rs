//! The SQLite inbox as its users see it: on files, opened and opened again.

mod agreement;
mod beside;
mod contract;
mod files;
mod fixtures;
mod grouping;
mod keeping;
mod opening;
mod releasing;
mod reopening;
mod sending;
mod stretches;
