//! Captures the log lines of one test, while other tests of the same process run beside it.
//!
//! `tracing` remembers for each callsite whether anybody listens. A test that listens by a thread's default subscriber
//! misses lines whose callsite another test reached first, on a thread without one. So there is one subscriber for the
//! whole process, and it writes to whatever the thread captures at the moment.
//!
//! A test must run on one thread (the default of `#[tokio::test]`): lines of other threads are not captured.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

use tracing_subscriber::fmt::MakeWriter;

thread_local! {
    static CAPTURED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// The log lines of this thread from `Capture::start` on. Dropping the value ends the capture.
#[derive(Debug)]
pub struct Capture(());

impl Capture {
    /// Captures this thread's lines of level INFO and above, as text without time or colour.
    ///
    /// # Panics
    ///
    /// When the thread captures already, or when the process has another global subscriber.
    pub fn start() -> Self {
        install();
        let before = CAPTURED.replace(Some(Vec::new()));
        assert!(before.is_none(), "this thread captures already");
        Self(())
    }

    /// The lines since the start, or since this was last called.
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

        // Callsites that were reached before this moment were found to have no listener.
        tracing::callsite::rebuild_interest_cache();
    });
}

/// Writes a line to what the current thread captures; drops the line where the thread captures nothing.
struct Router;

impl Write for Router {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A thread that ends may still log after its own storage is gone.
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
