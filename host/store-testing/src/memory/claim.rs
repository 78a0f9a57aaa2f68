//! Claiming: what is due, the longest first.

use std::sync::Arc;

use hookyard_model::Timestamp;

use super::{Place, State};
use hookyard_store::{ClaimedJob, JobLease, JobRequest, transitions};

impl State {
    pub(super) fn claim(
        &mut self,
        want: &JobRequest,
        now: Timestamp,
        until: Timestamp,
        claimed: &mut Vec<ClaimedJob>,
    ) {
        let Some(queue) = self.queues.get(&want.plugin) else {
            return;
        };
        let pending = queue
            .iter()
            .take_while(|place| !place.is_timed)
            .take(want.limit);
        let timed = queue
            .iter()
            .skip_while(|place| !place.is_timed)
            .take_while(|place| place.due <= now);
        let mut found: Vec<Place> = pending.chain(timed).copied().collect();
        found.sort_by_key(|place| (self.due_since(place), place.at));
        let mut wanted = want.limit;
        for place in found {
            if wanted == 0 {
                break;
            }
            let Some(job) = self.events[&place.at].jobs.get(&want.plugin.name) else {
                continue;
            };
            match transitions::claim(
                job.state,
                self.is_routed(place.at, &want.plugin.name),
                until,
                now,
            ) {
                transitions::Claim::Leave => {}
                transitions::Claim::Hold(next) => drop(self.put(place.at, &want.plugin, next)),
                transitions::Claim::Lease(next) => {
                    let job = self.put(place.at, &want.plugin, next);
                    job.attempts += 1;
                    job.failed_on = None;
                    let (replays, attempt, revision, spared) =
                        (job.replays, job.attempts, job.revision, job.spared);
                    let replayed_at = job.since;
                    let event = Arc::clone(&self.events[&place.at].event);
                    let lease = JobLease {
                        event: event.id,
                        plugin: want.plugin.clone(),
                        replays,
                        attempt,
                    };
                    let since = replayed_at.unwrap_or(event.received_at);
                    let due = if place.is_timed { place.due } else { since };
                    claimed.push(ClaimedJob {
                        lease,
                        until,
                        event,
                        since,
                        due,
                        revision,
                        spared,
                    });
                    wanted -= 1;
                }
            }
        }
    }

    /// Since when the job could have been claimed.
    fn due_since(&self, place: &Place) -> Timestamp {
        if place.is_timed {
            place.due
        } else {
            self.events[&place.at].event.received_at
        }
    }
}
