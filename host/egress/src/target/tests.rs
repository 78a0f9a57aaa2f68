//! Hosts that mean one thing, and those that could mean two.
