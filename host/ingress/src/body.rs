//! Reading a body: bounded in bytes, in time, and in what all bodies together may hold.
//!
//! Bytes are counted as they come rather than as they're announced: a sender that announces much and sends little
//! takes nothing from the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;

/// What one body may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) bytes_max: usize,
    pub(crate) time_max: Duration,
}

/// A body read whole. Its bytes count against the budget for as long as it lives.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    _reserved: Reserved,
}

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
    #[error("the body did not come within {time_max:?}")]
    TooSlow { time_max: Duration },
    #[error("the body broke off or is malformed")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the bodies being received are at their bound")]
    NoRoom,
}

/// Reads `body` to its end, or no further than shows that it breaks a bound.
pub(crate) async fn read<B>(body: B, bounds: Bounds, budget: &Arc<Budget>) -> Result<Whole, Fault>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Bounds {
        bytes_max,
        time_max,
    } = bounds;
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Fault::TooLarge { bytes_max });
    }
    match tokio::time::timeout(time_max, collect(body, bytes_max, budget)).await {
        Ok(read) => read,
        Err(_) => Err(Fault::TooSlow { time_max }),
    }
}

async fn collect<B>(mut body: B, bytes_max: usize, budget: &Arc<Budget>) -> Result<Whole, Fault>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut bytes = Vec::new();
    let mut reserved = Reserved {
        budget: Arc::clone(budget),
        bytes: 0,
    };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Fault::Broken(error.into()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.len() > bytes_max - bytes.len() {
            return Err(Fault::TooLarge { bytes_max });
        }
        reserved.grow(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok(Whole {
        bytes: bytes.into(),
        _reserved: reserved,
    })
}

/// How many bytes all bodies together may still take.
#[derive(Debug)]
pub(crate) struct Budget {
    left: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(bytes_max),
        })
    }
}

#[derive(Debug)]
struct Reserved {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Reserved {
    fn grow(&mut self, by: usize) -> Result<(), Fault> {
        let take = |left: usize| left.checked_sub(by);
        self.budget
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .map_err(|_| Fault::NoRoom)?;
        self.bytes += by;
        Ok(())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}
