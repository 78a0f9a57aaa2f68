//! The parts that the integration tests and the demo share: the four senders, the real binary as a
//! child process, and the guests.
//!
//! This crate links no crate of the host. Tests with this kit therefore test the binary through
//! HTTP, files and the command line. The kit signs with other libraries than the host verifies
//! with.

pub mod workspace;

pub mod guests;
pub mod host;
pub mod site;
pub mod disk;

pub mod events;
pub mod log;

pub mod http;
pub mod jws;
pub mod load;
pub mod mirror;
pub mod published;
pub mod receiver;
pub mod secure;
pub mod samples;
pub mod senders;
pub mod sign;
pub mod sns;

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The time after which a test stops waiting. It is long, because only a failing test reaches it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Repeats a question until there is an answer or `PATIENCE` is over. `what` completes the text
/// "waited for …".
pub async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if began.elapsed() > PATIENCE {
            bail!("waited {} s for {what}", PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
