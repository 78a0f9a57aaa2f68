//! Tests of the schemes through their public interface: `verify` what senders send, `sign` what
//! the host sends. The signed cases of other implementations are in `tests/vectors`.

mod handshake;
mod recipes;
mod sign;
mod value;
mod diagnose;
mod hostile;
mod redact;
mod verify;
