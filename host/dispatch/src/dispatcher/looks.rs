//! Looks at the store: what is due now, and when the next job is due.

use std::time::Duration;

use hookyard_model::chain;
use hookyard_store::{ClaimedJob, Error, JobLease, JobRequest};
use tokio::time::Instant;

use super::Dispatcher;
use crate::slots::PluginId;
use crate::store_calls::{Answer, Claim, Question};

/// The longest time between two looks at all plugins.
const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// The shortest time between two looks at all plugins, so that notifications and a store that
/// contradicts itself cannot make the loop spin.
const INTERVAL_MIN: Duration = Duration::from_millis(5);

/// When the dispatcher looks at all plugins, and which plugins it must look at before.
#[derive(Debug)]
pub(super) struct Looks {
    next: Instant,
    last: Option<Instant>,
    /// Plugins without due jobs whose next due job is not known.
    unknown: Vec<PluginId>,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            next: Instant::now(),
            last: None,
            unknown: Vec::new(),
        }
    }
}

impl Looks {
    /// Returns the time of the next look.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Asks for a look as soon as possible.
    pub(super) fn request(&mut self) {
        self.not_later_than(Instant::now());
    }

    /// Asks for a look at `at` or earlier.
    fn not_later_than(&mut self, at: Instant) {
        let earliest = self.last.map_or(at, |last| last + INTERVAL_MIN);
        self.next = self.next.min(at.max(earliest));
    }

    /// Begins a look if its time has come.
    fn begin(&mut self, now: Instant) -> bool {
        if self.next > now {
            return false;
        }

        self.last = Some(now);
        self.next = now + INTERVAL_MAX;
        true
    }
}

impl Dispatcher {
    /// Asks the store when the next job is due, if that is not known or if it is time to look at
    /// all plugins.
    pub(super) fn look(&mut self, now: Instant) {
        if !self.calls.can_ask() {
            return;
        }

        let is_look = self.looks.begin(now);
        let plugins = if is_look {
            self.looks.unknown.clear();
            self.plugins.quiet()
        } else {
            std::mem::take(&mut self.looks.unknown)
        };
        if plugins.is_empty() {
            return;
        }

        let names = plugins
            .iter()
            .map(|id| self.plugins.get(*id).shared.name.clone())
            .collect();
        self.calls
            .ask(&self.executor, Question { plugins, is_look }, names);
    }

    /// Returns the requests of a claim.
    pub(super) fn requests(&self, claim: &Claim) -> Vec<JobRequest> {
        claim
            .plugins
            .iter()
            .map(|(id, limit)| JobRequest {
                plugin: self.plugins.get(*id).shared.name.clone(),
                limit: *limit,
            })
            .collect()
    }

    /// Handles the answer of the store.
    pub(super) fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Claimed(claim, result) => self.claimed(claim, result),
            Answer::Due(question, Ok(due)) => self.due(question, due),
            Answer::Due(question, Err(error)) => {
                self.looks.unknown.extend(question.plugins);
                self.pause(&error, "the time of the next job is not known");
            }
            Answer::Extended(Ok(())) => {}
            Answer::Extended(Err(error)) => {
                tracing::warn!(error = chain(&error), "leases were not extended");
            }
            Answer::GivenBack(leases, result) => self.given_back(&leases, result),
        }
    }

    fn claimed(&mut self, claim: Claim, result: Result<Vec<ClaimedJob>, Error>) {
        for (id, _) in &claim.plugins {
            self.plugins.release(*id);
        }

        let jobs = match result {
            Ok(jobs) => jobs,
            Err(error) => {
                // The answer may be lost and not the call, so it is not known what is leased.
                for (id, _) in &claim.plugins {
                    self.plugins.look(*id);
                }
                return self.pause(&error, "no jobs could be claimed");
            }
        };

        for (id, limit) in &claim.plugins {
            let name = &self.plugins.get(*id).shared.name;
            let count = jobs.iter().filter(|job| job.lease.plugin == *name).count();
            self.note_claimed(*id, count, claim.mark);
            if count >= *limit {
                self.plugins.note_due(*id);
            } else if self.plugins.take_unknown(*id) {
                self.looks.unknown.push(*id);
            }
        }
        self.plugins.add_claimed(jobs, claim.asked);
    }

    /// Ends the holding of a plugin whose jobs could be claimed, because its quarantine was lifted.
    fn note_claimed(&mut self, id: PluginId, count: usize, mark: u64) {
        let plugin = self.plugins.get(id);
        let Some(revision) = plugin.revision.filter(|_| plugin.is_held && count > 0) else {
            return;
        };

        let (quarantines, name) = (&self.executor.quarantines, &plugin.shared.name);
        quarantines.note_claim(name, mark);
        let is_held = quarantines.is_held(name, revision);
        self.plugins.change(id, |plugin| plugin.is_held = is_held);
    }

    /// Notes when the next job is due.
    fn due(&mut self, question: Question, due: Option<Duration>) {
        let Some(wait) = due else {
            return;
        };
        let now = Instant::now();

        match question.plugins.as_slice() {
            // Some of these plugins have due jobs, and only claims tell which.
            plugins if wait.is_zero() && question.is_look => {
                for id in plugins {
                    self.plugins.look(*id);
                }
            }
            [id] => self
                .plugins
                .note_due_after(*id, wait.max(INTERVAL_MIN), now),
            _ => self.looks.not_later_than(now + wait.min(INTERVAL_MAX)),
        }
    }

    fn given_back(&mut self, leases: &[JobLease], result: Result<(), Error>) {
        if let Err(error) = &result {
            tracing::warn!(
                leases = leases.len(),
                error = chain(error),
                "leases could not be given back; they run out"
            );
        }

        // The jobs are due now, or once their leases have run out.
        let now = Instant::now();
        for lease in leases {
            let Some(id) = self.plugins.id(&lease.plugin) else {
                continue;
            };
            match result {
                Ok(()) => self.plugins.note_due(id),
                Err(_) => self.plugins.note_due_after(id, self.executor.lease, now),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn looks_keep_their_distance() {
        let mut looks = Looks::default();
        let begun = Instant::now();
        assert!(looks.begin(begun), "the first look is at the start");
        assert!(!looks.begin(begun));
        assert_eq!(looks.next(), begun + INTERVAL_MAX);

        looks.request();
        assert_eq!(looks.next(), begun + INTERVAL_MIN);

        let later = begun + Duration::from_secs(1);
        assert!(looks.begin(later));
        looks.not_later_than(later + Duration::from_secs(9));
        looks.not_later_than(later + Duration::from_secs(10));
        assert_eq!(looks.next(), later + Duration::from_secs(9));
    }
}
