//! The host with its crash points armed by `HOOKYARD_CRASH_AT`. Only the crash tests use it.

use std::process::ExitCode;

fn main() -> ExitCode {
    hookyard::main()
}
