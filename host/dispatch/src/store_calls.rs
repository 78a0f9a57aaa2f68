//! The dispatcher's calls of the store, which run beside its loop.
//!
//! A slow store must not keep the loop from beginning the jobs that were handed over, or from
//! extending leases. So each call is a task, and the loop handles its answer. At most one claim, one
//! question and one extension are under way at a time.

use std::sync::Arc;

use hookyard_model::PluginRef;
use hookyard_store::{ClaimedJob, Error, JobLease, JobRequest};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::executor::Executor;
use crate::slots::PluginId;

/// The calls that are under way.
#[derive(Debug, Default)]
pub(crate) struct StoreCalls {
    calls: JoinSet<Answer>,
    is_claiming: bool,
    is_asking: bool,
    is_extending: bool,
}

/// A claim of jobs.
#[derive(Debug)]
pub(crate) struct Claim {
    /// The plugins, each with its limit.
    pub(crate) plugins: Vec<(PluginId, usize)>,
    /// The time before the call, at which the leases start.
    pub(crate) asked: Instant,
    /// The mark of the quarantines before the call.
    pub(crate) mark: u64,
}

/// A question when the next job is due.
#[derive(Debug)]
pub(crate) struct Question {
    /// The plugins that are asked for.
    pub(crate) plugins: Vec<PluginId>,
    /// Whether these are all plugins whose next due job is not known.
    pub(crate) is_look: bool,
}

/// The end of a call.
#[derive(Debug)]
pub(crate) enum Answer {
    Claimed(Claim, Result<Vec<ClaimedJob>, Error>),
    Due(Question, Result<Option<Duration>, Error>),
    Extended(Result<(), Error>),
    GivenBack(Vec<JobLease>, Result<(), Error>),
}

impl StoreCalls {
    pub(crate) fn can_claim(&self) -> bool {
        !self.is_claiming
    }

    pub(crate) fn can_ask(&self) -> bool {
        !self.is_asking
    }

    pub(crate) fn can_extend(&self) -> bool {
        !self.is_extending
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(crate) fn claim(
        &mut self,
        executor: &Arc<Executor>,
        claim: Claim,
        requests: Vec<JobRequest>,
    ) {
        self.is_claiming = true;
        let executor = Arc::clone(executor);
        self.calls.spawn(async move {
            let result = executor.inbox.claim(&requests, executor.lease).await;
            Answer::Claimed(claim, result)
        });
    }

    pub(crate) fn ask(
        &mut self,
        executor: &Arc<Executor>,
        question: Question,
        plugins: Vec<PluginRef>,
    ) {
        self.is_asking = true;
        let executor = Arc::clone(executor);
        self.calls.spawn(async move {
            let result = executor.inbox.next_due(&plugins).await;
            Answer::Due(question, result)
        });
    }

    pub(crate) fn extend(&mut self, executor: &Arc<Executor>, leases: Vec<JobLease>) {
        self.is_extending = true;
        let executor = Arc::clone(executor);
        self.calls.spawn(async move {
            let result = executor.inbox.extend(&leases, executor.lease).await;
            Answer::Extended(result)
        });
    }

    pub(crate) fn give_back(&mut self, executor: &Arc<Executor>, leases: Vec<JobLease>) {
        let executor = Arc::clone(executor);
        self.calls.spawn(async move {
            let result = executor.inbox.give_back(&leases).await;
            Answer::GivenBack(leases, result)
        });
    }

    /// Waits for a call to end. Returns `None` at once if none is under way. Dropping the future
    /// loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Answer> {
        let answer = match self.calls.join_next().await? {
            Ok(answer) => answer,
            // A panic in the store. Nothing is known of the call.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };

        match answer {
            Answer::Claimed(..) => self.is_claiming = false,
            Answer::Due(..) => self.is_asking = false,
            Answer::Extended(_) => self.is_extending = false,
            Answer::GivenBack(..) => {}
        }
        Some(answer)
    }
}
