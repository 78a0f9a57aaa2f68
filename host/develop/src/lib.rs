//! Developing plugins: rehearsing fixtures, serving while sources change, and sending samples.
