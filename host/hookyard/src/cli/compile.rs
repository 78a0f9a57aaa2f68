//! `hookyard compile-component`: compiles one component in a process of its own.
//!
//! The host starts this hidden command for each component, so that a component that makes the
//! compiler use too much memory or time cannot harm the host.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use hookyard_plugin::ChildCompiler;

/// The arguments of `hookyard compile-component`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The maximum memory of this process, in bytes
    #[arg(long)]
    memory_max: u64,
    /// The maximum processor time of this process, in seconds
    #[arg(long)]
    cpu_secs_max: u64,
    /// The id of the host's process
    #[arg(long)]
    parent: u32,
    /// The pack of compiled functions to use and to add to
    #[arg(long)]
    functions: Option<PathBuf>,
}

/// Limits this process and compiles the component on standard input.
///
/// This must run before the process starts a thread: the limits do not apply to earlier threads.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let Arguments {
        memory_max,
        cpu_secs_max,
        parent,
        functions,
    } = arguments;

    ChildCompiler {
        memory_max,
        cpu_secs_max,
        parent,
        functions,
    }
    .run()
}
