//! The thread that advances the engines' epochs while guests run, and sleeps while none does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a guest may use a thread before it yields to other tasks.
pub(crate) const TICK: Duration = Duration::from_millis(2);

/// The ticker. It ends its thread when it is dropped.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// The number of running calls.
    running: AtomicUsize,
    is_stopped: AtomicBool,
}

/// A running call. Epochs advance as long as there is at least one.
pub(crate) struct RunningCall<'a>(&'a Ticker);

impl Ticker {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// Fails if the operating system cannot start a thread.
    pub(crate) fn start(engines: Vec<wasmtime::Engine>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("wasm-epochs".into())
            .spawn(move || tick(&engines, &of_thread))?;

        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Returns a guard that the caller must hold during a call.
    pub(crate) fn running(&self) -> RunningCall<'_> {
        if self.shared.running.fetch_add(1, Ordering::SeqCst) == 0 {
            self.wake();
        }
        RunningCall(self)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

fn tick(engines: &[wasmtime::Engine], shared: &Shared) {
    while !shared.is_stopped.load(Ordering::SeqCst) {
        if shared.running.load(Ordering::SeqCst) == 0 {
            thread::park();
        } else {
            thread::sleep(TICK);
            engines.iter().for_each(wasmtime::Engine::increment_epoch);
        }
    }
}

impl Drop for RunningCall<'_> {
    fn drop(&mut self) {
        self.0.shared.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        self.wake();

        if let Some(thread) = self.thread.take() {
            // A panic of the thread could not be handled here.
            let _ended = thread.join();
        }
    }
}
