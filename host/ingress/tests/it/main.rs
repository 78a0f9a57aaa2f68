//! Tests of ingress through its sockets: the answer to each kind of request, and the limits on a
//! sender that misbehaves.

mod support;

mod answers;
mod bounds;
mod connections;
mod declared;
mod handshakes;
mod http2;
mod keys;
mod logging;
mod shutdown;
mod refused;
mod storing;
mod waiting;
