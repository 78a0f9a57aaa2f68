//! Reports the errors of the commands for authors, which may contain the output of a compiler.

use std::error::Error;

use crate::cli::Failure;
use crate::output;

/// Prints an error and its causes. Line ends stay, because the output of a compiler has many lines.
pub(crate) fn report(error: &dyn Error) -> Failure {
    output::error(format_args!("hookyard: {}", text(error)));
    Failure::Reported
}

/// Returns an error with its causes. Line ends stay.
pub(crate) fn text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }

    text
}
