//! The crate as its users see it: components go in, events go in, and outcomes come out.

mod support;
mod guests;

mod load;
mod modules;
mod grants;
mod call;
mod capability;
mod effects;
mod sending;
mod reuse;
mod snapshot;
mod verifier;
mod hostile;
