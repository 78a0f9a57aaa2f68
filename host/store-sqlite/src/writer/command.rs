//! A call on its way through the writer, with the answer to its caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hookyard_store::Error;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::fault::Fault;
use super::{Durability, stopped};
use crate::write::Database;

/// The bytes of one queued append, as a part of all queued bytes.
pub(super) struct QueuedBytes {
    all: Arc<AtomicUsize>,
    share: usize,
}

impl QueuedBytes {
    /// Takes `share` bytes, or returns `None` if they exceed `max`.
    ///
    /// An empty queue has room for any append, because ingress has already limited the size of the
    /// body.
    pub(super) fn take(all: &Arc<AtomicUsize>, share: usize, max: usize) -> Option<Self> {
        let before = all.fetch_add(share, Ordering::Relaxed);
        let taken = Self {
            all: Arc::clone(all),
            share,
        };

        (before == 0 || before.saturating_add(share) <= max).then_some(taken)
    }
}

impl Drop for QueuedBytes {
    fn drop(&mut self) {
        self.all.fetch_sub(self.share, Ordering::Relaxed);
    }
}

/// A call on its way through the writer.
pub(super) struct Command {
    pub(super) durability: Durability,
    pub(super) is_patient: bool,
    /// The slot in the queue, until the call is in a group.
    pub(super) slot: Option<OwnedSemaphorePermit>,
    pub(super) call: Box<dyn Call>,
    /// The runtime of the caller.
    runtime: Option<Handle>,
}

impl Command {
    pub(super) fn new<T: Send + 'static>(
        durability: Durability,
        slot: OwnedSemaphorePermit,
        work: impl FnMut(&mut Database) -> Result<T, Error> + Send + 'static,
    ) -> (Self, oneshot::Receiver<Result<T, Error>>) {
        let (reply, answer) = oneshot::channel();
        let command = Self {
            durability,
            is_patient: false,
            slot: Some(slot),
            call: Box::new(Work {
                work,
                result: None,
                reply,
            }),
            runtime: Handle::try_current().ok(),
        };

        (command, answer)
    }
}

/// The calls of a group that are not answered yet. Dropping this answers them.
struct Unanswered {
    group: Vec<Command>,
    fault: Option<Fault>,
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        for command in self.group.drain(..) {
            command.call.answer(self.fault.as_ref());
        }
    }
}

/// Answers all calls of a group, and leaves `group` empty.
///
/// An answer from this thread wakes the runtime of the caller, which may take the processor from this
/// thread at once, for each answer. So a task of the runtime answers the callers: this thread wakes
/// the runtime once for the whole group.
pub(super) fn answer_all(group: &mut Vec<Command>, fault: Option<Fault>) {
    let unanswered = Unanswered {
        group: std::mem::take(group),
        fault,
    };

    if let Some(runtime) = common_runtime(&unanswered.group) {
        // A runtime that has shut down drops the task, and thereby answers as well.
        runtime.spawn(async move { drop(unanswered) });
    }
}

/// Returns the runtime of several calls, if it is the same for all of them.
fn common_runtime(group: &[Command]) -> Option<Handle> {
    let [first, others @ ..] = group else {
        return None;
    };
    let runtime = first.runtime.as_ref()?;

    let is_same = |other: &Command| {
        let other = other.runtime.as_ref();
        other.is_some_and(|other| other.id() == runtime.id())
    };
    (!others.is_empty() && others.iter().all(is_same)).then(|| runtime.clone())
}

pub(super) trait Call: Send {
    /// Does the work. Returns `false` if the work failed in the middle and must be undone. A refusal
    /// has changed nothing.
    fn run(&mut self, database: &mut Database) -> bool;
    /// Answers the caller. `fault` is the reason if the group was not committed.
    fn answer(self: Box<Self>, fault: Option<&Fault>);
}

struct Work<F, T> {
    work: F,
    result: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<F, T: Send> Call for Work<F, T>
where
    F: FnMut(&mut Database) -> Result<T, Error> + Send,
{
    fn run(&mut self, database: &mut Database) -> bool {
        let result = (self.work)(database);
        let is_whole = !matches!(
            result,
            Err(Error::Store(_) | Error::Unknown(_) | Error::Corrupt { .. })
        );
        self.result = Some(result);

        is_whole
    }

    fn answer(self: Box<Self>, fault: Option<&Fault>) {
        let Self {
            work,
            result,
            reply,
        } = *self;
        // Dropped first, so that the caller's share of the queue is free when the caller gets the
        // answer.
        drop(work);

        let answer = match (result, fault) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(fault)) if fault.is_unknown() => Err(Error::Unknown(Box::new(fault.clone()))),
            (_, Some(fault)) => Err(Error::Store(Box::new(fault.clone()))),
            (Some(Ok(done)), None) => Ok(done),
            (None, None) => Err(stopped()),
        };
        // The caller may have gone. What was committed stays.
        let _ = reply.send(answer);
    }
}
