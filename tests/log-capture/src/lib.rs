//! Captures the log lines of one test while other tests run in the same process.
//!
//! `tracing` remembers for each callsite whether a subscriber listens. If a test listens through
//! the default subscriber of its thread, it misses lines whose callsite another test reached first,
//! on a thread without a subscriber. This crate therefore installs one subscriber for the whole
//! process, which writes to the capture of the current thread.
//!
//! A test must run on one thread, which is the default of `#[tokio::test]`. Lines of other threads
//! are not captured.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

use tracing_subscriber::fmt::MakeWriter;

thread_local! {
    static CAPTURED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// The log lines of this thread since `Capture::start`. Dropping the value ends the capture.
#[derive(Debug)]
pub struct Capture(());

impl Capture {
    /// Starts to capture this thread's lines of level INFO and above, as text without times and
    /// colours.
    ///
    /// # Panics
    ///
    /// Panics if the thread already captures lines, or if the process has another global
    /// subscriber.
    pub fn start() -> Self {
        install();
        let before = CAPTURED.replace(Some(Vec::new()));
        assert!(before.is_none(), "this thread captures already");
        Self(())
    }

    /// Returns the lines since the start or the last call.
    pub fn take(&self) -> String {
        let lines = CAPTURED.with_borrow_mut(|captured| captured.as_mut().map(std::mem::take));
        String::from_utf8(lines.unwrap_or_default()).expect("log lines are UTF-8")
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        CAPTURED.set(None);
    }
}

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_writer(Router)
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("no other global subscriber");

        // Callsites that were reached before this moment have no listener.
        tracing::callsite::rebuild_interest_cache();
    });
}

/// Writes a line to the capture of the current thread, or drops the line if there is none.
struct Router;

impl Write for Router {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A thread that ends can log after its thread-local storage is gone.
        let _ = CAPTURED.try_with(|captured| {
            if let Some(captured) = captured.borrow_mut().as_mut() {
                captured.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Router {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
