//! The host.

use std::process::ExitCode;

fn main() -> ExitCode {
    hookyard::main()
}
