//! The door against real sockets on loopback, which the tests grant in words as anybody would have to.

mod support;

mod get;
mod guard;
mod limits;
mod pool;
mod tls;
