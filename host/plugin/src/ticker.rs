//! The thread that moves the engines' epochs while guests run, and rests while none does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a guest may keep a thread to itself before it gives way to others.
pub(crate) const TICK: Duration = Duration::from_millis(2);

/// Ends its thread when it is dropped.
pub(crate) struct Ticker {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    running: AtomicUsize,
    is_over: AtomicBool,
}

/// A call that is running; epochs move as long as there is one.
pub(crate) struct Running<'a>(&'a Ticker);

impl Ticker {
    /// Starts the thread.
    pub(crate) fn start(engines: Vec<wasmtime::Engine>) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let seen = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("wasm-epochs".into())
            .spawn(move || tick(&engines, &seen))?;
        Ok(Self {
            state,
            thread: Some(thread),
        })
    }

    /// To be held during a call.
    pub(crate) fn running(&self) -> Running<'_> {
        if self.state.running.fetch_add(1, Ordering::SeqCst) == 0 {
            self.wake();
        }
        Running(self)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

fn tick(engines: &[wasmtime::Engine], state: &State) {
    while !state.is_over.load(Ordering::SeqCst) {
        if state.running.load(Ordering::SeqCst) == 0 {
            thread::park();
        } else {
            thread::sleep(TICK);
            engines.iter().for_each(wasmtime::Engine::increment_epoch);
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.state.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // The thread can't have panicked; if it had, there would be nothing to do about it.
            let _ended = thread.join();
        }
    }
}
