//! Which requests a list of rules lets through.
