//! Standard output and standard error of the commands. Nothing else writes to them.
//!
//! If the reader of standard output goes away, as in `hookyard wit | head -1`, a command ends
//! quietly, with the exit code that a shell reports for a process that SIGPIPE ended. Any other
//! fault, such as a full disk, is an error with exit code 1. Errors on standard error are ignored,
//! because there is no place left to report them. `serve` writes to standard error through the
//! queue of its log, which never waits for a reader.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use crate::cli::Failure;
use crate::telemetry;

/// The exit code if the reader of standard output went away: 128 plus the number of SIGPIPE.
const READER_GONE: u8 = 141;

/// Writes one line to standard output.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{text}").map_err(Failure::Output)
}

/// Writes text that has its own line ends to standard output.
pub(crate) fn text(text: impl Display) -> Result<(), Failure> {
    write!(io::stdout().lock(), "{text}").map_err(Failure::Output)
}

/// Writes the rest of standard output. A command succeeds only if this does.
pub(crate) fn flush() -> Result<(), Failure> {
    io::stdout().lock().flush().map_err(Failure::Output)
}

/// Writes one line to standard error, through the log if the log has started.
pub(crate) fn error(text: impl Display) {
    let line = format!("{text}\n");
    if !telemetry::push(&line) {
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
}

/// Returns the exit code of a command whose standard output could not be written.
pub(crate) fn exit_code(error: &io::Error) -> ExitCode {
    if error.kind() == ErrorKind::BrokenPipe {
        return ExitCode::from(READER_GONE);
    }

    self::error(format_args!(
        "hookyard: cannot write standard output: {error}"
    ));
    ExitCode::from(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_code_of_closed_pipe_and_full_disk() {
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
