//! Hostile input of the parsers that the other modules do not cover. `value::hostile` reads the
//! values of requests, `verify::robust` and `verify::hostile` run the verifiers, and
//! `handshake::signing` tries to get signatures.

mod requests;
mod sizes;
mod texts;
