//! The error of a command, and the exit code that it ends the process with.

use std::process::ExitCode;

use hookyard_config::document::Faults;

use crate::output;

/// The reason why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments contradict each other, or one is missing.
    Arguments(String),
    /// The configuration is invalid.
    Configuration(Faults),
    /// The command was understood and could not be carried out.
    Runtime(anyhow::Error),
    /// Standard output could not be written.
    Output(std::io::Error),
    /// The command has already printed the reason.
    Reported,
    /// An import has printed changes that break plugins.
    #[cfg(feature = "develop")]
    Breaking,
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Configuration(faults)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Runtime(error)
    }
}

impl Failure {
    /// Prints the reason to standard error and returns the exit code of the process.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Arguments(reason) => {
                output::error(format_args!("hookyard: {reason}"));
                ExitCode::from(2)
            }
            Self::Configuration(faults) => {
                output::error(faults);
                ExitCode::from(2)
            }
            Self::Runtime(error) => {
                let error = hookyard_model::chain(error.as_ref());
                output::error(format_args!("hookyard: {error}"));
                ExitCode::from(1)
            }
            Self::Output(error) => output::exit_code(&error),
            Self::Reported => ExitCode::from(1),
            #[cfg(feature = "develop")]
            Self::Breaking => ExitCode::from(3),
        }
    }
}
