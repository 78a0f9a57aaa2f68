//! The state transitions that backends make by themselves: leasing, giving back, replaying and
//! routing.
//!
//! Each function is [`hookyard_model::apply`] with one input, so that all backends make the same
//! transitions. In all functions, `is_routed` is whether the source of the event is routed to the
//! plugin of the job and the plugin is not quarantined.

use std::time::Duration;

use hookyard_model::{Illegal, Input, Timestamp, WorkState, apply};

/// The minimum time for which an expired idempotency key is kept. Events are stored some time after
/// they are received, so a key that has just expired may still be needed.
pub const KEY_GRACE: Duration = Duration::from_secs(3600);

/// The time for inputs whose next state does not depend on the time.
const ANY_TIME: Timestamp = Timestamp::from_unix_millis(0);

/// The decision of a claim about one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The job is leased, with this next state.
    Lease(WorkState),
    /// The job is held, with this next state. Its plugin lost the route while an attempt was
    /// running, and the attempt never ended.
    Hold(WorkState),
    /// The job cannot be leased now.
    Leave,
}

/// Decides what a claim at `now` does with a job.
pub fn claim(state: WorkState, is_routed: bool, until: Timestamp, now: Timestamp) -> Claim {
    let Ok(leased) = apply(state, Input::Lease { until }, now) else {
        return Claim::Leave;
    };
    if is_routed {
        return Claim::Lease(leased);
    }

    // A leased job accepts no detachment, so its lease must be given back first.
    let idle = apply(state, Input::GiveBack, now).unwrap_or(state);
    Claim::Hold(route(idle, false))
}

/// Returns the state of a job after its lease is given back.
///
/// # Errors
///
/// Fails if the job is not leased.
pub fn give_back(state: WorkState, is_routed: bool) -> Result<WorkState, Illegal> {
    Ok(route(apply(state, Input::GiveBack, ANY_TIME)?, is_routed))
}

/// Returns the first state of a job for an event that arrived earlier. The job does not run before
/// `due`.
pub fn begin(due: Option<Timestamp>, is_routed: bool) -> WorkState {
    replay(WorkState::Pending, due, is_routed).unwrap_or(WorkState::Pending)
}

/// Returns the state of a job after a replay. The job does not run before `due`.
///
/// # Errors
///
/// Fails if the job is leased.
pub fn replay(
    state: WorkState,
    due: Option<Timestamp>,
    is_routed: bool,
) -> Result<WorkState, Illegal> {
    Ok(route(
        apply(state, Input::Replay { due }, ANY_TIME)?,
        is_routed,
    ))
}

/// Returns the state of a job after an operator discards it.
///
/// # Errors
///
/// Fails if the job is leased, done or already discarded.
pub fn discard(state: WorkState) -> Result<WorkState, Illegal> {
    apply(state, Input::Discard, ANY_TIME)
}

/// Returns the state of a job after the host rolls back the revision on which the job failed.
///
/// # Errors
///
/// Fails if the job is neither waiting nor dead.
pub fn retry(state: WorkState, is_routed: bool) -> Result<WorkState, Illegal> {
    Ok(route(apply(state, Input::Retry, ANY_TIME)?, is_routed))
}

/// Returns the time at which a replayed job becomes due if `before` others come first and `rate`
/// jobs become due per second from `now` on. Returns `None` for a job that is due at once.
pub fn replay_due(now: Timestamp, rate: Option<f64>, before: u64) -> Option<Timestamp> {
    let wait = Duration::try_from_secs_f64(before as f64 / rate?).unwrap_or(Duration::MAX);
    (!wait.is_zero()).then(|| now.after(wait))
}

/// Returns the state of a job after a change of its routes or of the quarantine of its plugin.
pub fn route(state: WorkState, is_routed: bool) -> WorkState {
    let input = if is_routed {
        Input::Attach
    } else {
        Input::Detach
    };

    apply(state, input, ANY_TIME).unwrap_or(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(100);
    const UNTIL: Timestamp = Timestamp::from_unix_millis(200);
    const LEASED: WorkState = WorkState::Leased { until: UNTIL };

    #[test]
    fn claim_holds_unrouted_jobs() {
        let expired = WorkState::Leased { until: NOW };
        assert_eq!(
            claim(WorkState::Pending, true, UNTIL, NOW),
            Claim::Lease(LEASED)
        );
        assert_eq!(claim(expired, true, UNTIL, NOW), Claim::Lease(LEASED));

        let due_states = [
            expired,
            WorkState::Waiting { until: NOW },
            WorkState::Pending,
        ];
        for due in due_states {
            assert_eq!(
                claim(due, false, UNTIL, NOW),
                Claim::Hold(WorkState::Held),
                "{due}"
            );
        }

        assert_eq!(claim(LEASED, true, UNTIL, NOW), Claim::Leave);
        assert_eq!(claim(WorkState::Done, false, UNTIL, NOW), Claim::Leave);
    }

    #[test]
    fn given_back_job_follows_its_routes() {
        assert_eq!(give_back(LEASED, true), Ok(WorkState::Pending));
        assert_eq!(give_back(LEASED, false), Ok(WorkState::Held));
        assert!(give_back(WorkState::Done, true).is_err());

        let waiting = WorkState::Waiting { until: UNTIL };
        assert_eq!(route(waiting, true), waiting);
        assert_eq!(route(waiting, false), WorkState::Held);
    }

    #[test]
    fn replay_rate_spreads_due_times() {
        assert_eq!(replay_due(NOW, None, 5), None);
        assert_eq!(replay_due(NOW, Some(2.0), 0), None);
        assert_eq!(
            replay_due(NOW, Some(2.0), 3),
            Some(Timestamp::from_unix_millis(1_600))
        );
        assert_eq!(
            replay_due(NOW, Some(0.0), 3),
            Some(Timestamp::from_unix_millis(i64::MAX))
        );
    }

    #[test]
    fn replay_discard_and_retry_refuse_other_states() {
        assert_eq!(replay(WorkState::Dead, None, true), Ok(WorkState::Pending));
        assert_eq!(
            replay(WorkState::Done, Some(UNTIL), false),
            Ok(WorkState::Held)
        );
        assert_eq!(discard(WorkState::Held), Ok(WorkState::Discarded));
        assert!(discard(LEASED).is_err());
        assert_eq!(retry(WorkState::Dead, true), Ok(WorkState::Pending));
        assert_eq!(retry(WorkState::Dead, false), Ok(WorkState::Held));
        assert!(retry(WorkState::Done, true).is_err());
    }
}
