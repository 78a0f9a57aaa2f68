//! A delivery: one POST of an outbox message, and its result.
//!
//! A message goes through the same states as a job, by the same [`apply`](crate::apply). The result
//! of a delivery is to a message what the outcome of an attempt is to a job.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::{Header, Timestamp};

/// The result of one delivery; every delivery has exactly one result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The receiver answered 2xx.
    Sent {
        /// The status of the answer.
        status: u16,
    },
    /// The delivery failed and can be retried: the receiver answered 408, 425, 429 or 5xx, did not
    /// answer completely in time, or could not be reached.
    Failed {
        /// The status of the answer, if one arrived.
        status: Option<u16>,
        /// The reason, on one line, without the path and query of the URL.
        reason: String,
        /// The delay that the receiver asks for (`Retry-After`). It can only lengthen the delay.
        after: Option<Duration>,
    },
    /// The receiver refused this message for good: it gave any other answer, redirects included.
    Refused {
        /// The status of the answer.
        status: u16,
    },
    /// The receiver is gone for good (410), so no other message can be delivered to it either.
    Gone,
    /// The host could not send the message: the address is not allowed, or signing failed.
    Unsendable {
        /// The reason and the way out, on one line.
        reason: String,
    },
    /// Too many earlier deliveries were lost because the host stopped during them. Nothing was
    /// sent.
    Lost {
        /// The number of lost deliveries.
        deliveries: u32,
    },
}

impl DeliveryResult {
    /// Returns the name of the result in the store, the CLI and metrics.
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

    /// Returns whether another delivery can help.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }
}

impl fmt::Display for DeliveryResult {
    /// Writes one line for people: the name of the result, then its details.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();

        match self {
            Self::Sent { status } | Self::Refused { status } => write!(f, "{name}: {status}"),
            Self::Failed { reason, .. } | Self::Unsendable { reason } => {
                write!(f, "{name}: {reason}")
            }
            Self::Gone => write!(f, "{name}: 410"),
            Self::Lost { deliveries } => {
                write!(
                    f,
                    "{name}: the host stopped during each of {deliveries} deliveries"
                )
            }
        }
    }
}

/// The record of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The number of the delivery. The count begins at 1, and begins again after each replay.
    pub number: u32,
    /// The time at which the delivery began.
    pub started_at: Timestamp,
    /// The duration of the delivery.
    pub duration: Duration,
    /// The result of the delivery.
    pub result: DeliveryResult,
    /// The beginning of the receiver's answer, if one arrived.
    pub answer: Option<Answer>,
}

/// The part of a receiver's answer that is stored for the operator, at most a few KiB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The first headers of the answer.
    pub headers: Vec<Header>,
    /// The first bytes of the body.
    pub body: Bytes,
}
