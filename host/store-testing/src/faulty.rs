//! A store that fails on demand: a wrapper around a store, for tests of the store's callers.
//!
//! Calls are counted, and a plan decides which call meets which fault: a failure, a delay or a
//! crash, before or after its effect. A test that runs with a fault at the first call, then at the
//! second, until no fault is met, shows that it passes wherever the store fails.

mod inbox;
mod outbox;
mod refused;
mod releases;
mod values;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};

use hookyard_store::{Error, Store};

/// A method of the store.
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
    Response,
    Replay,
    Discard,
    Unrouted,
    Held,
    Unhandled,
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
    KeepRefused,
    Refused,
    RefusedRequest,
    PruneRefused,
    SearchEvents,
    SearchMessages,
    CountEvents,
    CountMessages,
    Keyed,
    JobCounts,
    MessageCounts,
    Totals,
    AddAudit,
    Audit,
    AddRefusals,
    Refusals,
    AddFigures,
    Figures,
}

/// The moment at which a call meets its fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before the call has done anything.
    Before,
    /// After everything is done and durable. The caller does not know.
    After,
}

/// The fault that a call meets.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The call fails: with `Error::Store` before its effect, with `Error::Unknown` after it, like a
    /// store whose answer is lost on the way.
    Fail,
    /// The call fails with `Error::Unknown`, before its effect too.
    Lose,
    /// The call fails with this error.
    Answer(fn() -> Error),
    /// The call never returns, and neither does any later call, as if the host had died.
    Crash,
    /// The call continues when it gets a permit.
    Delay(Arc<Semaphore>),
}

/// A store with a plan of faults.
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
    /// The method that meets the fault, or `None` for any method.
    call: Option<Call>,
    /// The number of calls that are spared first.
    spared: usize,
    /// The number of calls after these that meet the fault.
    count: usize,
    when: When,
    fault: Fault,
}

impl FaultyStore {
    /// Creates a store that does the same as `inner` until a fault is planned.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            plan: Mutex::default(),
            crashed: watch::Sender::new(false),
        }
    }

    /// Plans a fault for the `nth` call from now on, whatever its method. The next call is 1.
    pub fn at(&self, nth: usize, when: When, fault: Fault) {
        self.add(Entry {
            call: None,
            spared: nth.saturating_sub(1),
            count: 1,
            when,
            fault,
        });
    }

    /// Plans a fault for the `nth` call of this method from now on.
    pub fn on(&self, call: Call, nth: usize, when: When, fault: Fault) {
        self.add(Entry {
            call: Some(call),
            spared: nth.saturating_sub(1),
            count: 1,
            when,
            fault,
        });
    }

    /// Plans a fault for each of the next `count` calls of this method.
    pub fn on_next(&self, call: Call, count: usize, when: When, fault: Fault) {
        self.add(Entry {
            call: Some(call),
            spared: 0,
            count,
            when,
            fault,
        });
    }

    /// Removes all planned faults.
    pub fn heal(&self) {
        self.plan().entries.clear();
    }

    /// Returns the calls that were made, in their order. Waiting for changes is not a call.
    pub fn made(&self) -> Vec<Call> {
        self.plan().made.clone()
    }

    /// Returns the number of calls of this method.
    pub fn count(&self, call: Call) -> usize {
        self.plan()
            .made
            .iter()
            .filter(|made| **made == call)
            .count()
    }

    /// Returns whether a planned fault has not been met yet.
    pub fn has_plan(&self) -> bool {
        !self.plan().entries.is_empty()
    }

    /// Waits until a call has met a crash.
    pub async fn crashed(&self) {
        // Fails only without a sender, which this store owns.
        let _ = self.crashed.subscribe().wait_for(|crashed| *crashed).await;
    }

    fn add(&self, entry: Entry) {
        self.plan().entries.push(entry);
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` with the faults of the plan.
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
        // Another call may have crashed the host in the meantime. Then nobody gets an answer.
        self.hang_if_crashed().await;

        result
    }

    async fn meet(&self, faults: Vec<(When, Fault)>) -> Result<(), Error> {
        for (when, fault) in faults {
            let cause = format!("a planned failure {when:?} the call").into();
            match (fault, when) {
                (Fault::Fail, When::Before) => return Err(Error::Store(cause)),
                (Fault::Fail, When::After) | (Fault::Lose, _) => return Err(Error::Unknown(cause)),
                (Fault::Answer(error), _) => return Err(error()),
                (Fault::Delay(gate), _) => gate
                    .acquire()
                    .await
                    .expect("no test closes a gate")
                    .forget(),
                (Fault::Crash, _) => {
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
    /// Counts a call, and removes and returns the faults that it meets.
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
