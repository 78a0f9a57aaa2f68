//! The steps of the state machine that backends take by themselves: leasing, giving back, attaching and detaching.
//!
//! Each is `hookyard_model::apply` with one input, so that every backend takes it alike.

use std::time::Duration;

use hookyard_model::{Illegal, Input, Timestamp, WorkState, apply};

/// How long after its time a key is kept at least: events are stored a while after they were received.
pub const KEY_GRACE: Duration = Duration::from_secs(3600);

/// These inputs lead to the same state at any time.
const ANY_TIME: Timestamp = Timestamp::from_unix_millis(0);

/// What a claim at `now` makes of a job that it comes upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is leased.
    Lease(WorkState),
    /// Its plugin was taken off its source while an attempt was under way that never ended: it is kept.
    Keep(WorkState),
    /// It can't be had now.
    Leave,
}

/// What a claim at `now` makes of a job in `state`, whose source is `routed` to its plugin or not.
pub fn claim(state: WorkState, routed: bool, until: Timestamp, now: Timestamp) -> Claim {
    match apply(state, Input::Lease { until }, now) {
        Err(Illegal { .. }) => Claim::Leave,
        Ok(leased) if routed => Claim::Lease(leased),
        // A leased job takes no detachment before its lease is given back.
        Ok(_) => Claim::Keep(route(
            apply(state, Input::GiveBack, now).unwrap_or(state),
            false,
        )),
    }
}

/// The state after a lease is given back.
pub fn give_back(state: WorkState, routed: bool) -> Result<WorkState, Illegal> {
    Ok(route(apply(state, Input::GiveBack, ANY_TIME)?, routed))
}

/// The state of a job that is made for an event that came in earlier, not to run before `due`.
pub fn begin(due: Option<Timestamp>, routed: bool) -> WorkState {
    replay(WorkState::Pending, due, routed).unwrap_or(WorkState::Pending)
}

/// The state of a job that is to run again, not before `due`.
pub fn replay(
    state: WorkState,
    due: Option<Timestamp>,
    routed: bool,
) -> Result<WorkState, Illegal> {
    Ok(route(
        apply(state, Input::Replay { due }, ANY_TIME)?,
        routed,
    ))
}

/// The state of a job that an operator ends.
pub fn discard(state: WorkState) -> Result<WorkState, Illegal> {
    apply(state, Input::Discard, ANY_TIME)
}

/// The state of a job whose revision is taken back.
pub fn retry(state: WorkState, routed: bool) -> Result<WorkState, Illegal> {
    Ok(route(apply(state, Input::Retry, ANY_TIME)?, routed))
}

/// When the job may run that is replayed after `before` others, `rate` of them a second from `now` on.
pub fn turn(now: Timestamp, rate: Option<f64>, before: u64) -> Option<Timestamp> {
    let wait = Duration::try_from_secs_f64(before as f64 / rate?).unwrap_or(Duration::MAX);
    (!wait.is_zero()).then(|| now.after(wait))
}

/// The state now that the job's source is `routed` to its plugin, or not.
pub fn route(state: WorkState, routed: bool) -> WorkState {
    let input = if routed { Input::Attach } else { Input::Detach };
    apply(state, input, ANY_TIME).unwrap_or(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(100);
    const UNTIL: Timestamp = Timestamp::from_unix_millis(200);

    #[test]
    fn a_claim_keeps_what_no_longer_has_its_plugin() {
        let expired = WorkState::Leased { until: NOW };
        let leased = Claim::Lease(WorkState::Leased { until: UNTIL });
        assert_eq!(claim(WorkState::Pending, true, UNTIL, NOW), leased);
        assert_eq!(claim(expired, true, UNTIL, NOW), leased);
        for due in [
            expired,
            WorkState::Waiting { until: NOW },
            WorkState::Pending,
        ] {
            assert_eq!(
                claim(due, false, UNTIL, NOW),
                Claim::Keep(WorkState::Held),
                "{due}"
            );
        }
        assert_eq!(
            claim(WorkState::Leased { until: UNTIL }, true, UNTIL, NOW),
            Claim::Leave
        );
        assert_eq!(claim(WorkState::Done, false, UNTIL, NOW), Claim::Leave);
    }

    #[test]
    fn a_job_given_back_goes_where_its_routes_say() {
        let leased = WorkState::Leased { until: UNTIL };
        assert_eq!(give_back(leased, true), Ok(WorkState::Pending));
        assert_eq!(give_back(leased, false), Ok(WorkState::Held));
        assert!(give_back(WorkState::Done, true).is_err());
        assert_eq!(
            route(WorkState::Waiting { until: UNTIL }, true),
            WorkState::Waiting { until: UNTIL }
        );
        assert_eq!(
            route(WorkState::Waiting { until: UNTIL }, false),
            WorkState::Held
        );
        assert_eq!(turn(NOW, None, 5), None);
        assert_eq!(turn(NOW, Some(2.0), 0), None);
        assert_eq!(
            turn(NOW, Some(2.0), 3),
            Some(Timestamp::from_unix_millis(1_600))
        );
        assert_eq!(
            turn(NOW, Some(0.0), 3),
            Some(Timestamp::from_unix_millis(i64::MAX))
        );
        assert_eq!(replay(WorkState::Dead, None, true), Ok(WorkState::Pending));
        assert_eq!(
            replay(WorkState::Done, Some(UNTIL), false),
            Ok(WorkState::Held)
        );
        assert_eq!(discard(WorkState::Held), Ok(WorkState::Discarded));
        assert_eq!(retry(WorkState::Dead, true), Ok(WorkState::Pending));
        assert_eq!(retry(WorkState::Dead, false), Ok(WorkState::Held));
        assert!(retry(WorkState::Done, true).is_err());
        assert!(discard(leased).is_err());
    }
}
