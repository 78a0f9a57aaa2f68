//! What the callers and the writer's thread share: the queue, and the signals to the thread.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Command;
use super::queue::{Bounds, Line, Queue};

/// The queue between callers and the thread. Callers bound its length by permits.
pub(super) struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    queue: Queue<Command>,
    is_to_look: bool,
    is_closed: bool,
}

/// What the thread is to do.
pub(super) enum ListOrder {
    /// To serve the group.
    Serve,
    /// To look whether somebody else has written, and whether the files are there.
    Look,
    /// To end.
    End,
}

impl Shared {
    pub(super) fn new(bounds: Bounds) -> Self {
        let state = State {
            queue: Queue::new(bounds),
            is_to_look: false,
            is_closed: false,
        };
        Self {
            state: Mutex::new(state),
            wake: Condvar::new(),
        }
    }

    /// Queues a call. One that comes after the end is dropped, which its caller notices.
    pub(super) fn push(&self, line: Line, weight: u64, command: Command) {
        let mut state = self.state();
        if !state.is_closed {
            state.queue.push(line, weight, command);
            self.wake.notify_one();
        }
    }

    /// Has the thread look when it is idle. A thread that is busy looks anyway, before each group.
    pub(super) fn look(&self) {
        self.state().is_to_look = true;
        self.wake.notify_one();
    }

    /// Has the thread end once the queue is empty.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.wake.notify_one();
    }

    /// Drops all calls, so that their callers learn that nobody serves them.
    fn abandon(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.queue.clear();
    }

    /// Waits for something to do. Fills `group`, which is empty, where that is to serve.
    pub(super) fn next(&self, group: &mut Vec<Command>) -> ListOrder {
        let mut state = self.state();
        loop {
            if !state.queue.is_empty() {
                state.queue.next_group(group);
                return ListOrder::Serve;
            }
            if state.is_closed {
                return ListOrder::End;
            }
            if std::mem::take(&mut state.is_to_look) {
                return ListOrder::Look;
            }
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by the thread: however the thread ends, nobody waits for it.
pub(super) struct Served(pub(super) std::sync::Arc<Shared>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
