//! Reads the body of a request, with limits on its size, its time, and the memory of all bodies
//! together.
//!
//! Bytes are counted as they arrive, not as they are announced: a sender that announces much and
//! sends little takes nothing from other senders.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

/// The minimum size of a body that may share the buffer of its connection, in bytes.
const UNCOPIED_MIN: usize = 8 << 10;

/// The limits on one body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub(crate) bytes_max: usize,
    pub(crate) time_max: Duration,
}

/// A complete body. Its bytes count against the budget for as long as it exists.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    _reservation: Reservation,
}

/// The reason for which a body was not read completely.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
    #[error("the body did not arrive within {time_max:?}")]
    TooSlow { time_max: Duration },
    #[error("the body is incomplete or malformed")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the bodies that are being received use all of `ingress.buffered_max`")]
    NoRoom,
}

/// Reads `body` to its end, or until it exceeds a limit.
pub(crate) async fn read<B>(
    body: B,
    limits: BodyLimits,
    budget: &Arc<BodyBudget>,
) -> Result<Body, BodyError>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let BodyLimits {
        bytes_max,
        time_max,
    } = limits;
    // A body that announces too many bytes is refused before any of them arrives.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(BodyError::TooLarge { bytes_max });
    }

    match tokio::time::timeout(time_max, collect(body, bytes_max, budget)).await {
        Ok(read) => read,
        Err(_) => Err(BodyError::TooSlow { time_max }),
    }
}

async fn collect<B>(
    mut body: B,
    bytes_max: usize,
    budget: &Arc<BodyBudget>,
) -> Result<Body, BodyError>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut bytes = Bytes::new();
    let mut reservation = Reservation {
        budget: Arc::clone(budget),
        bytes: 0,
    };

    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Broken(error.into()))?;
        // Trailers are not part of the body.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.len() > bytes_max - bytes.len() {
            return Err(BodyError::TooLarge { bytes_max });
        }
        reservation.grow(data.len())?;
        bytes = joined(bytes, data);
    }

    Ok(Body {
        bytes,
        _reservation: reservation,
    })
}

/// Appends `data` to the bytes that arrived before.
///
/// A small body is copied out of the buffer of its connection, because it would keep the whole
/// buffer in memory. A large body that arrives at once is not copied.
fn joined(bytes: Bytes, data: Bytes) -> Bytes {
    if bytes.is_empty() && data.len() >= UNCOPIED_MIN {
        return data;
    }
    if bytes.is_empty() {
        return Bytes::copy_from_slice(&data);
    }

    let mut joined = BytesMut::from(bytes);
    joined.extend_from_slice(&data);
    joined.freeze()
}

/// The memory that all bodies together may still use.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    bytes_left: AtomicUsize,
}

impl BodyBudget {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes_left: AtomicUsize::new(bytes_max),
        })
    }
}

/// The bytes that one body has taken from the budget.
#[derive(Debug)]
struct Reservation {
    budget: Arc<BodyBudget>,
    bytes: usize,
}

impl Reservation {
    fn grow(&mut self, by: usize) -> Result<(), BodyError> {
        self.budget
            .bytes_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(by)
            })
            .map_err(|_| BodyError::NoRoom)?;
        self.bytes += by;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget
            .bytes_left
            .fetch_add(self.bytes, Ordering::Relaxed);
    }
}
