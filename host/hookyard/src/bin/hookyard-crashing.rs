//! The host with its crash points armed (`HOOKYARD_CRASH_AT`): built for the crash test alone, and never shipped.

use std::process::ExitCode;

fn main() -> ExitCode {
    hookyard::main()
}
