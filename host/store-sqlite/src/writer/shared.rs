//! The state that the callers share with the writer's thread: the queue, and the signals to the
//! thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::command::Command;
use super::queue::{Bounds, Priority, Queue};

/// The longest time for which a few settlements wait for an append to share its commit. A sender
/// that waits for each answer sends its next event about when the last event is settled, and then
/// does not wait for a commit of the settlement alone.
const COMPANY_WAIT: Duration = Duration::from_micros(300);
/// The number of settlements that do not wait.
const PATIENT_MAX: usize = 8;

/// The queue between the callers and the thread. The callers bound its length with permits.
pub(super) struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    queue: Queue<Command>,
    /// The number of queued calls that may wait for others.
    patient: usize,
    /// The number of the other queued calls.
    impatient: usize,
    /// Whether the thread must look for the writes of other processes when it is idle.
    must_look: bool,
    /// Whether the thread waits for a signal, and has got none yet.
    is_waiting: bool,
    is_closed: bool,
}

impl State {
    /// Returns the number of the queued calls of a kind.
    fn waiting(&mut self, is_patient: bool) -> &mut usize {
        if is_patient {
            &mut self.patient
        } else {
            &mut self.impatient
        }
    }

    /// Returns whether there are only a few calls, which may all wait for others.
    fn waits_for_company(&self) -> bool {
        !self.is_closed && self.impatient == 0 && (1..PATIENT_MAX).contains(&self.patient)
    }
}

/// The next task of the thread.
pub(super) enum Task {
    /// Serve the group.
    Serve,
    /// Look for the writes of other processes and for missing files.
    Look,
    /// End the thread.
    End,
}

impl Shared {
    pub(super) fn new(bounds: Bounds) -> Self {
        let state = State {
            queue: Queue::new(bounds),
            patient: 0,
            impatient: 0,
            must_look: false,
            is_waiting: false,
            is_closed: false,
        };

        Self {
            state: Mutex::new(state),
            wake: Condvar::new(),
        }
    }

    /// Queues a call. Returns `false` after the end, when the call is not queued.
    pub(super) fn push(&self, priority: Priority, weight: u64, command: Command) -> bool {
        let mut state = self.state();
        if state.is_closed {
            return false;
        }
        *state.waiting(command.is_patient) += 1;
        state.queue.push(priority, weight, command);
        self.signal(state);
        true
    }

    /// Makes the thread look when it is idle. A busy thread looks before each group anyway.
    pub(super) fn look(&self) {
        let mut state = self.state();
        state.must_look = true;
        self.signal(state);
    }

    /// Makes the thread end when the queue is empty.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        self.signal(state);
    }

    /// Drops all calls, so that their callers get an error.
    fn abandon(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.queue.clear();
    }

    /// Waits for a task. For [`Task::Serve`], fills `group`, which must be empty.
    pub(super) fn next(&self, group: &mut Vec<Command>) -> Task {
        let mut state = self.state();
        let mut company_until = None;

        loop {
            if state.waits_for_company() {
                let now = Instant::now();
                let until = *company_until.get_or_insert(now + COMPANY_WAIT);
                if now < until {
                    state.is_waiting = true;
                    state = self
                        .wake
                        .wait_timeout(state, until - now)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                    continue;
                }
            }
            if !state.queue.is_empty() {
                state.queue.next_group(group);
                for command in group {
                    *state.waiting(command.is_patient) -= 1;
                }
                return Task::Serve;
            }
            if state.is_closed {
                return Task::End;
            }
            if std::mem::take(&mut state.must_look) {
                return Task::Look;
            }

            state.is_waiting = true;
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Wakes the thread if it waits. A signal enters the system, and a busy thread needs none.
    fn signal(&self, mut state: MutexGuard<'_, State>) {
        let was_waiting = std::mem::take(&mut state.is_waiting);
        drop(state);
        if was_waiting {
            self.wake.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops all calls when the thread ends for any reason, so that no caller waits for ever.
pub(super) struct AbandonOnExit(pub(super) Arc<Shared>);

impl Drop for AbandonOnExit {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(patient: usize, impatient: usize) -> State {
        State {
            queue: Queue::new(Bounds {
                calls: 1,
                weight: 1,
            }),
            patient,
            impatient,
            must_look: false,
            is_waiting: false,
            is_closed: false,
        }
    }

    #[test]
    fn few_settlements_wait_for_company() {
        assert!(!state(0, 0).waits_for_company());
        assert!(state(1, 0).waits_for_company());
        assert!(!state(1, 1).waits_for_company(), "there is company");
        assert!(!state(PATIENT_MAX, 0).waits_for_company());

        let closed = State {
            is_closed: true,
            ..state(1, 0)
        };
        assert!(!closed.waits_for_company());
    }
}
