//! Discards jobs and unrouted events, one batch at a time.

use hookyard_model::WorkState;
use hookyard_store::{DiscardRecord, DiscardSummary, Error, Hint, transitions};
use rusqlite::params;

use super::Database;
use super::lane::LaneKind;
use crate::selection::JobKey;
use crate::write::routing::UNROUTED_TAKE;

const JOB_DISCARD: &str = "
    UPDATE job SET state = ?3, due_at = NULL WHERE event = ?1 AND plugin = ?2
    RETURNING tenant, plugin, lane";
const JOB_DISCARD_RECORD: &str = "
    INSERT INTO discard (event, plugin, replays, at, reason)
    SELECT event, plugin, replays, ?3, ?4 FROM job WHERE event = ?1 AND plugin = ?2";
const EVENT_DISCARD_RECORD: &str =
    "INSERT INTO discard (event, plugin, replays, at, reason) VALUES (?1, '', 0, ?2, ?3)";

/// A batch of jobs or events to discard.
pub(crate) struct DiscardBatch {
    pub(crate) ended: Discarded,
    pub(crate) record: DiscardRecord,
}

/// The jobs or events of the batch.
pub(crate) enum Discarded {
    Jobs(Vec<JobKey>),
    /// Unrouted events, by their numbers.
    Events(Vec<i64>),
}

impl Database {
    pub(crate) fn discard(
        &mut self,
        DiscardBatch { ended, record }: &DiscardBatch,
    ) -> Result<DiscardSummary, Error> {
        self.hint(|| Hint::Everything);
        match ended {
            Discarded::Jobs(places) => self.discard_jobs(places, record),
            Discarded::Events(events) => self.discard_events(events, record),
        }
    }

    fn discard_jobs(
        &mut self,
        places: &[JobKey],
        record: &DiscardRecord,
    ) -> Result<DiscardSummary, Error> {
        let mut discarded = DiscardSummary::default();
        for place in places {
            // The job is gone if its event was pruned since the reader found it.
            let Some((state, _)) = self.to_replay(place)? else {
                continue;
            };
            match transitions::discard(state) {
                Ok(next) => {
                    self.end(place, next, record)?;
                    discarded.jobs += 1;
                }
                // A job in any other state is over by now.
                Err(_) => discarded.leased += u64::from(matches!(state, WorkState::Leased { .. })),
            }
        }

        Ok(discarded)
    }

    fn end(
        &mut self,
        place: &JobKey,
        next: WorkState,
        record: &DiscardRecord,
    ) -> Result<(), Error> {
        let plugin = place.plugin.as_str();
        let lane = self.change(
            LaneKind::Jobs,
            JOB_DISCARD,
            params![place.seq, plugin, next.name()],
        )?;
        let values = params![place.seq, plugin, record.at.unix_millis(), record.reason];
        self.execute(JOB_DISCARD_RECORD, values)?;

        match lane {
            Some(lane) => self.update_lane(&lane),
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
            // A plugin may have got the event since the reader found it.
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
