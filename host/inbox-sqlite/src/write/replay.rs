//! Making jobs run again, a stretch of them at a time.

use hookyard_inbox::{Error, Replayed, step};
use hookyard_model::{JobState, Revision, SourceRef, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::Store;
use super::lane::Of;
use crate::codec::{self, due_of, parsed, store};
use crate::select::JobPlace;
use crate::sql;

/// A stretch of jobs to be replayed.
pub(crate) struct Stretch {
    pub(crate) jobs: Vec<JobPlace>,
    pub(crate) revision: Option<Revision>,
    /// Jobs a second, from `now` on.
    pub(crate) rate: Option<f64>,
    pub(crate) now: Timestamp,
    /// Jobs replayed before these.
    pub(crate) before: u64,
}

impl Store {
    pub(crate) fn replay(&mut self, stretch: &Stretch) -> Result<Replayed, Error> {
        let mut replayed = Replayed { again: 0, leased: 0 };
        for place in &stretch.jobs {
            // Gone, if it was pruned since it was found.
            let Some((state, source)) = self.to_replay(place)? else { continue };
            let routed = self.is_taken(&source, &place.plugin)?;
            let due = stretch.turn(stretch.before + replayed.again);
            match step::replay(state, due, routed) {
                Err(_) => replayed.leased += 1,
                Ok(next) => {
                    let revision = stretch.revision.map(|revision| revision.to_string());
                    let plugin = place.plugin.as_str();
                    let since = due.unwrap_or(stretch.now).unix_millis();
                    let values = params![place.seq, plugin, next.name(), due_of(next), revision, since];
                    if let Some(lane) = self.change(Of::Jobs, sql::JOB_REPLAY, values)? {
                        self.line_up(&lane)?;
                    }
                    replayed.again += 1;
                }
            }
        }
        self.has_news |= replayed.again > 0;
        Ok(replayed)
    }

    fn to_replay(&self, place: &JobPlace) -> Result<Option<(JobState, SourceRef)>, Error> {
        let mut statement = self.connection.prepare_cached(sql::JOB_TO_REPLAY).map_err(store)?;
        let values = params![place.seq, place.plugin.as_str()];
        let found = statement.query_row(values, |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
        });
        let Some((state, due_at, tenant, source)) = found.optional().map_err(store)? else { return Ok(None) };
        let tenant = parsed(&tenant, "a job's tenant")?;
        let source = SourceRef { tenant, source: parsed(&source, "an event's source")? };
        Ok(Some((codec::state(&state, due_at)?, source)))
    }
}

impl Stretch {
    /// When the job that is replayed after `before` others may run.
    fn turn(&self, before: u64) -> Option<Timestamp> {
        hookyard_inbox::step::turn(self.now, self.rate, before)
    }
}
