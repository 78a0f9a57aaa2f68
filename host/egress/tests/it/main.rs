//! Tests of the door over real sockets on loopback. The policies of the tests grant the loopback
//! addresses.

mod support;

mod get;
mod guard;
mod limits;
mod pool;
mod tls;
