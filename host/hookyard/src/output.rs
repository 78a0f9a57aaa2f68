//! Standard output and standard error of the commands: the only place that writes to them.
//!
//! A command ends quietly when the reader of its output has gone, as in `hookyard wit | head -1`, with the exit code
//! that a shell reports for a process that SIGPIPE ended. Any other fault, such as a full disk, is an error with
//! exit code 1. Errors on standard error are ignored: there is no place left to report them. `serve` writes there through
//! the queue of its log, which waits for no reader.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use crate::cli::Failure;
use crate::telemetry;

/// 128 and the number of SIGPIPE.
const READER_GONE: u8 = 141;

/// Writes one line to standard output.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{text}").map_err(Failure::Output)
}

/// Writes text that has its own line ends to standard output.
pub(crate) fn text(text: impl Display) -> Result<(), Failure> {
    write!(io::stdout().lock(), "{text}").map_err(Failure::Output)
}

/// Writes what is still buffered. A command has succeeded only once this has.
pub(crate) fn flush() -> Result<(), Failure> {
    io::stdout().lock().flush().map_err(Failure::Output)
}

/// Writes one line to standard error, by way of the log where there is one.
pub(crate) fn error(text: impl Display) {
    let line = format!("{text}\n");
    if !telemetry::push(&line) {
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
}

/// How a command ends whose output could not be written.
pub(crate) fn exit_code(error: &io::Error) -> ExitCode {
    if error.kind() == ErrorKind::BrokenPipe {
        return ExitCode::from(READER_GONE);
    }

    self::error(format_args!(
        "hookyard: standard output can't be written: {error}"
    ));
    ExitCode::from(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_pipe_and_full_disk_differ() {
        let code = |kind: ErrorKind| format!("{:?}", exit_code(&io::Error::from(kind)));
        assert_eq!(
            code(ErrorKind::BrokenPipe),
            format!("{:?}", ExitCode::from(141))
        );
        assert_eq!(
            code(ErrorKind::StorageFull),
            format!("{:?}", ExitCode::from(1))
        );
    }
}
