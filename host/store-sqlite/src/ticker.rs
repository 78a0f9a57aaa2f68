//! A ticker that makes the writer look for the writes of other processes.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// The time between two ticks, and so the longest time until a write of another process is noticed.
const PERIOD: Duration = Duration::from_millis(500);

/// A thread that ticks until this is dropped.
pub(crate) struct Ticker(#[expect(dead_code, reason = "dropping it ends the thread")] Sender<()>);

impl Ticker {
    /// Starts a thread that calls `on_tick` once in each period.
    pub(crate) fn start(on_tick: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (alive, ended) = channel();

        std::thread::Builder::new()
            .name("store-ticker".into())
            .spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(PERIOD) {
                    on_tick();
                }
            })?;

        Ok(Self(alive))
    }
}
