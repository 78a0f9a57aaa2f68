//! Ingress through its sockets: what each kind of request is answered, and what a misbehaving sender can't do.

mod support;

mod answers;
mod bounds;
mod connections;
mod handshakes;
mod http2;
mod logging;
mod shutdown;
mod storing;
