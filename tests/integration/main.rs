//! End-to-end tests: the real `hookyard` binary, used through HTTP, files and the command line.
//!
//! Each test runs its own host in its own folder. `HOOKYARD_BIN` names another binary to test.

mod rig;

mod admin;
mod administration;
mod authors;
mod bad_input;
mod bad_plugins;
#[cfg(target_os = "linux")]
mod bounds;
mod capabilities;
mod check;
mod secrecy;
mod delivery;
mod demo;
mod effects;
mod files;
mod identity;
mod interop;
mod libraries;
mod lists;
mod compile;
mod config;
mod copies;
mod crash;
mod crowd;
mod dashboard;
#[cfg(target_os = "linux")]
mod disk;
mod dev;
mod developing;
mod door;
mod grants;
#[cfg(target_os = "linux")]
mod host_memory;
mod handshakes;
mod health;
mod hostile;
mod logging;
mod metrics;
mod monitoring;
mod modules;
mod odd_files;
mod ordering;
mod outbox;
mod outgoing;
mod output;
mod overload;
mod provider;
mod quarantine;
mod readme;
mod refused;
mod rehearsal;
mod release;
mod repeats;
mod reload;
mod replay;
mod responder;
mod restart;
mod retries;
mod senders;
mod signals;
mod sns;
mod tokens;
mod traces;
mod trying;
mod typed;
mod unrouted;
mod verifiers;
mod watching;
mod routing;
