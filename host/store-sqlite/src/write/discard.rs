//! Ending jobs and unrouted events, a stretch of them at a time.

use hookyard_model::WorkState;
use hookyard_store::{DiscardRecord, DiscardSummary, Error, transitions};
use rusqlite::params;

use super::Database;
use super::lane::Of;
use crate::selection::JobPlace;
use crate::write::routing::UNROUTED_TAKE;

const JOB_DISCARD: &str = "
    UPDATE job SET state = ?3, due_at = NULL WHERE event = ?1 AND plugin = ?2
    RETURNING tenant, plugin, lane";
const JOB_DISCARD_RECORD: &str = "
    INSERT INTO discard (event, plugin, replays, at, reason)
    SELECT event, plugin, replays, ?3, ?4 FROM job WHERE event = ?1 AND plugin = ?2";
const EVENT_DISCARD_RECORD: &str =
    "INSERT INTO discard (event, plugin, replays, at, reason) VALUES (?1, '', 0, ?2, ?3)";

/// A stretch of jobs or events to be discarded.
pub(crate) struct DiscardStretch {
    pub(crate) ended: Ended,
    pub(crate) record: DiscardRecord,
}

/// What is ended.
pub(crate) enum Ended {
    Jobs(Vec<JobPlace>),
    /// Unrouted ones, by their numbers.
    Events(Vec<i64>),
}

impl Database {
    pub(crate) fn discard(
        &mut self,
        DiscardStretch { ended, record }: &DiscardStretch,
    ) -> Result<DiscardSummary, Error> {
        match ended {
            Ended::Jobs(places) => self.discard_jobs(places, record),
            Ended::Events(events) => self.discard_events(events, record),
        }
    }

    fn discard_jobs(
        &mut self,
        places: &[JobPlace],
        record: &DiscardRecord,
    ) -> Result<DiscardSummary, Error> {
        let mut discarded = DiscardSummary::default();
        for place in places {
            // Gone, if it was pruned since it was found.
            let Some((state, _)) = self.to_replay(place)? else {
                continue;
            };
            match transitions::discard(state) {
                Ok(next) => {
                    self.end(place, next, record)?;
                    discarded.jobs += 1;
                }
                // Any other is over by now.
                Err(_) => discarded.leased += u64::from(matches!(state, WorkState::Leased { .. })),
            }
        }
        Ok(discarded)
    }

    fn end(
        &mut self,
        place: &JobPlace,
        next: WorkState,
        record: &DiscardRecord,
    ) -> Result<(), Error> {
        let plugin = place.plugin.as_str();
        let lane = self.change(
            Of::Jobs,
            JOB_DISCARD,
            params![place.seq, plugin, next.name()],
        )?;
        let values = params![place.seq, plugin, record.at.unix_millis(), record.reason];
        self.execute(JOB_DISCARD_RECORD, values)?;

        match lane {
            Some(lane) => self.line_up(&lane),
            None => Ok(()),
        }
    }

    fn discard_events(
        &mut self,
        events: &[i64],
        record: &DiscardRecord,
    ) -> Result<DiscardSummary, Error> {
        let mut discarded = DiscardSummary::default();
        for event in events {
            // A plugin may have taken it since it was found.
            if self.execute(UNROUTED_TAKE, params![event])? > 0 {
                let values = params![event, record.at.unix_millis(), record.reason];
                self.execute(EVENT_DISCARD_RECORD, values)?;
                discarded.events += 1;
            }
        }
        Ok(discarded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            (
                "discard: put",
                JOB_DISCARD,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "discard: record",
                JOB_DISCARD_RECORD,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            ("discard: record an event", EVENT_DISCARD_RECORD, &[]),
        ]);
    }
}
