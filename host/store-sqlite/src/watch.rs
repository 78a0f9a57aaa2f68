//! A clock for the writer: the reason to look at a database that nobody here has written to.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// How soon what another process has written is noticed.
const PERIOD: Duration = Duration::from_millis(500);

/// Ends when it is dropped.
pub(crate) struct Watch(#[expect(dead_code, reason = "its end is the signal")] Sender<()>);

impl Watch {
    /// Calls `look` once in each period, on a thread of its own.
    pub(crate) fn start(look: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (alive, ended) = channel();
        std::thread::Builder::new()
            .name("inbox-watch".into())
            .spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(PERIOD) {
                    look();
                }
            })?;
        Ok(Self(alive))
    }
}
