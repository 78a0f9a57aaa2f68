//! The host.

use std::process::ExitCode;

/// Each attempt allocates and frees a few blocks of more than a kibibyte. The allocator of glibc
/// merges its free lists for each of them, which takes a fifth of the time of an attempt.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hookyard::main()
}
