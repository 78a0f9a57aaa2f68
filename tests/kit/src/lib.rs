//! What the integration tests and the demo share: the four senders, the real binary as a child process, the guests.
//!
//! Nothing here links a crate of the host. Whatever is proven with this kit is proven of the binary, over HTTP, files
//! and the command line, and what the kit signs is signed by other libraries than those that the host verifies with.

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

/// How long a condition may take to come true before a test gives up. Generous: it only ends what is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer, for as long as `PATIENCE` lasts. `what` completes "waited for …".
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
