//! What leaves a handler beside success.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::raw::hookyard::plugin::types as raw;

/// The result of a handler.
pub type Outcome = Result<(), Failure>;

/// The reason why an event was not handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The event can never be handled. See [`reject!`](crate::reject).
    Reject(String),
    /// The event cannot be handled now. See [`retry!`](crate::retry).
    Retry {
        /// The reason, for the operator.
        reason: String,
        /// The minimum delay; the source's schedule applies if its delay is longer.
        after: Option<Duration>,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reject(reason) => write!(f, "rejected: {reason}"),
            Self::Retry { reason, .. } => write!(f, "retry: {reason}"),
        }
    }
}

/// Any error asks for another attempt. The reason is its text and the text of its causes.
impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            reason.push_str(&format!(": {error}"));
            cause = error.source();
        }
        Self::Retry {
            reason,
            after: None,
        }
    }
}

impl From<Failure> for raw::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Reject(reason) => Self::Reject(reason),
            Failure::Retry { reason, after } => {
                let after = after.map(|after| after.as_millis().try_into().unwrap_or(u64::MAX));
                Self::Retry(raw::Retry { reason, after })
            }
        }
    }
}

/// Gives the event up: `return reject!("the lines come to {sum}");`
#[macro_export]
macro_rules! reject {
    ($($reason:tt)+) => { Err($crate::Failure::Reject(format!($($reason)+))) };
}

/// Asks for another attempt: `return retry!("paused");` or
/// `return retry!(after = Duration::from_secs(60), "paused");`
#[macro_export]
macro_rules! retry {
    (after = $after:expr, $($reason:tt)+) => {
        Err($crate::Failure::Retry { reason: format!($($reason)+), after: Some($after) })
    };
    ($($reason:tt)+) => {
        Err($crate::Failure::Retry { reason: format!($($reason)+), after: None })
    };
}

/// The error of a function that the host provides. An operator or another service can mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostError(String);

impl HostError {
    /// Makes an error of a text for the operator.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Writes a value as JSON.
    pub(crate) fn json(value: &impl Serialize, what: &str) -> Result<Vec<u8>, Self> {
        serde_json::to_vec(value).map_err(|error| Self(format!("{what} is not JSON: {error}")))
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for HostError {}
