//! What one try at sending an outbox message came to.
//!
//! A message goes through the same states as a job, by the same `apply`: what an attempt's outcome is to a job, a
//! delivery's result is to a message.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::{Header, Timestamp};

/// What one try at sending a message came to; every try ends in exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The receiver answered 2xx.
    Sent {
        /// The answer's status.
        status: u16,
    },
    /// Not now: 408, 425, 429, 5xx, no whole answer in time, or no connection.
    Failed {
        /// The answer's status, where one came.
        status: Option<u16>,
        /// One line, without the URL's path and query.
        reason: String,
        /// What the receiver asked to be waited for (`Retry-After`); it only ever lengthens the delay.
        after: Option<Duration>,
    },
    /// Never: the receiver refused this message (any other answer than 2xx and those above; redirects too).
    Refused {
        /// The answer's status.
        status: u16,
    },
    /// Never, and nothing else either: the receiver is gone for good (410).
    Gone,
    /// It could not be sent as it is: the guard or the signature forbids it. The line names the way out.
    Unsendable {
        /// One line.
        reason: String,
    },
    /// Earlier tries were lost together with their host, so many that no more is made.
    Lost {
        /// How many.
        attempts: u32,
    },
}

impl DeliveryResult {
    /// The result's name, as it stands in the store, the CLI and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sent { .. } => "sent",
            Self::Failed { .. } => "failed",
            Self::Refused { .. } => "refused",
            Self::Gone => "gone",
            Self::Unsendable { .. } => "unsendable",
            Self::Lost { .. } => "lost",
        }
    }

    /// Whether trying again can help.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }
}

impl fmt::Display for DeliveryResult {
    /// One line for people: the name, then what is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Sent { status } | Self::Refused { status } => write!(f, "{name}: {status}"),
            Self::Failed { reason, .. } | Self::Unsendable { reason } => {
                write!(f, "{name}: {reason}")
            }
            Self::Gone => write!(f, "{name}: 410"),
            Self::Lost { attempts } => {
                write!(
                    f,
                    "{name}: {attempts} tries ended with their host, none of them by itself"
                )
            }
        }
    }
}

/// The record of one try at sending a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// 1 for the first, and for the first after each replay.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// What it came to.
    pub result: DeliveryResult,
    /// The beginning of what the receiver answered, where it did.
    pub answer: Option<Answer>,
}

/// What is kept of a receiver's answer, for the operator. Both parts are cut to a few KiB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its head.
    pub headers: Vec<Header>,
    /// The first bytes of its body.
    pub body: Bytes,
}
