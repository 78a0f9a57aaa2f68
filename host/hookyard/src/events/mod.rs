//! `hookyard events`: what is stored and what became of it, and running it again. Works beside a host and without one.

pub(crate) mod discard;
pub(crate) mod list;
pub(crate) mod replay;
pub(crate) mod show;
