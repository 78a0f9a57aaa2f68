//! An inbox that fails on demand, around one that doesn't: for tests of whoever uses an inbox.
//!
//! Calls are counted, and a plan says which of them meets what: a failure, a delay, or a crash, before its effect or
//! after it. Running a test with a fault at the first call, then at the second, until none is met any more, shows that
//! it holds wherever the store fails.

mod inbox;
mod outbox;
mod releases;
mod values;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};

use hookyard_store::{Error, Store};

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each has the name of its method")]
pub enum Call {
    Append,
    Route,
    Routes,
    Claim,
    Extend,
    GiveBack,
    Settle,
    NextDue,
    Events,
    Read,
    Replay,
    Discard,
    Unrouted,
    Held,
    Prune,
    Quarantine,
    Lift,
    RetryFailed,
    Quarantined,
    Value,
    Keys,
    Usage,
    Recent,
    Event,
    Answers,
    Record,
    Revisions,
    Steps,
    Order,
    WithdrawOrder,
    Orders,
    Block,
    Unblock,
    Blocks,
    ClaimMessages,
    ExtendMessages,
    GiveBackMessages,
    SettleMessage,
    NextMessageDue,
    Messages,
    Message,
    ReplayMessages,
    Disable,
    Enable,
    Disabled,
    Unsent,
    UnsentDestinations,
    PruneMessages,
}

/// When a call meets its fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing is done yet.
    Before,
    /// Everything is done and durable; the caller doesn't know it.
    After,
}

/// What a call meets.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It is answered with `Error::Store`. After the effect this is worse than a store on the same disk does: it stands
    /// for one whose answer is lost on the way.
    Fail,
    /// It is answered with this error.
    Answer(fn() -> Error),
    /// It is never answered, and neither is any other call from then on, as if the host had died.
    Crash,
    /// It goes on once it gets a permit.
    Delay(Arc<Semaphore>),
}

/// An inbox with a plan of what is to go wrong.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    plan: Mutex<Plan>,
    crashed: watch::Sender<bool>,
}

#[derive(Default)]
struct Plan {
    made: Vec<Call>,
    entries: Vec<Entry>,
}

struct Entry {
    /// Any, where `None`.
    call: Option<Call>,
    /// How many of them are still to be spared.
    spared: usize,
    /// How many of those after them meet it.
    count: usize,
    when: When,
    fault: Fault,
}

impl FaultyStore {
    /// One that does as `inner` does, until told otherwise.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            plan: Mutex::default(),
            crashed: watch::Sender::new(false),
        }
    }

    /// The `nth` call from now on, 1 for the next one, meets a fault.
    pub fn at(&self, nth: usize, when: When, fault: Fault) {
        self.add(Entry {
            call: None,
            spared: nth.saturating_sub(1),
            count: 1,
            when,
            fault,
        });
    }

    /// The `nth` call from now on of this kind meets a fault.
    pub fn on(&self, call: Call, nth: usize, when: When, fault: Fault) {
        self.add(Entry {
            call: Some(call),
            spared: nth.saturating_sub(1),
            count: 1,
            when,
            fault,
        });
    }

    /// Each of the next `count` calls of this kind meets a fault.
    pub fn on_next(&self, call: Call, count: usize, when: When, fault: Fault) {
        self.add(Entry {
            call: Some(call),
            spared: 0,
            count,
            when,
            fault,
        });
    }

    /// Nothing that was planned is met any more.
    pub fn heal(&self) {
        self.plan().entries.clear();
    }

    /// The calls that were made, in their order; waiting in `changed` and `outbox_changed` is none.
    pub fn made(&self) -> Vec<Call> {
        self.plan().made.clone()
    }

    /// How many calls of this kind were made.
    pub fn count(&self, call: Call) -> usize {
        self.plan()
            .made
            .iter()
            .filter(|made| **made == call)
            .count()
    }

    /// Whether a fault is still to be met.
    pub fn has_plan(&self) -> bool {
        !self.plan().entries.is_empty()
    }

    /// Returns once a call has met a crash.
    pub async fn crashed(&self) {
        // Fails only without a sender, which is in here.
        let _ = self.crashed.subscribe().wait_for(|crashed| *crashed).await;
    }

    fn add(&self, entry: Entry) {
        self.plan().entries.push(entry);
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` as the plan has it.
    async fn run<T>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        self.hang_if_crashed().await;

        let (before, after): (Vec<_>, Vec<_>) = self
            .plan()
            .faults_of(call)
            .into_iter()
            .partition(|(when, _)| *when == When::Before);
        self.meet(before).await?;

        let result = work.await;
        self.meet(after).await?;
        // Another call may have crashed the host in the meantime; then nobody is there to be answered.
        self.hang_if_crashed().await;

        result
    }

    async fn meet(&self, faults: Vec<(When, Fault)>) -> Result<(), Error> {
        for (when, fault) in faults {
            match fault {
                Fault::Fail => {
                    return Err(Error::Store(
                        format!("a planned failure {when:?} the call").into(),
                    ));
                }
                Fault::Answer(error) => return Err(error()),
                Fault::Delay(gate) => gate
                    .acquire()
                    .await
                    .expect("no test closes a gate")
                    .forget(),
                Fault::Crash => {
                    self.crashed.send_replace(true);
                    self.hang_if_crashed().await;
                }
            }
        }

        Ok(())
    }

    async fn hang_if_crashed(&self) {
        if *self.crashed.borrow() {
            std::future::pending::<()>().await;
        }
    }
}

impl Plan {
    /// Counts a call and takes out what it is to meet.
    fn faults_of(&mut self, call: Call) -> Vec<(When, Fault)> {
        self.made.push(call);

        let mut met = Vec::new();
        self.entries.retain_mut(|entry| {
            if entry.call.is_some_and(|meant| meant != call) {
                return true;
            }
            if entry.spared > 0 {
                entry.spared -= 1;
                return true;
            }
            if entry.count > 0 {
                entry.count -= 1;
                met.push((entry.when, entry.fault.clone()));
            }
            entry.count > 0
        });

        met
    }
}

#[cfg(test)]
mod tests;
