//! Ending jobs and unrouted events, a stretch of them at a time.

use hookyard_model::WorkState;
use hookyard_store::{DiscardRecord, DiscardSummary, Error, transitions};
use rusqlite::params;

use super::Store;
use super::lane::Of;
use crate::select::JobPlace;
use crate::sql;

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

impl Store {
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
            sql::JOB_DISCARD,
            params![place.seq, plugin, next.name()],
        )?;
        let values = params![place.seq, plugin, record.at.unix_millis(), record.reason];
        self.execute(sql::JOB_DISCARD_RECORD, values)?;

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
            if self.execute(sql::UNROUTED_TAKE, params![event])? > 0 {
                let values = params![event, record.at.unix_millis(), record.reason];
                self.execute(sql::EVENT_DISCARD_RECORD, values)?;
                discarded.events += 1;
            }
        }
        Ok(discarded)
    }
}
