//! The sessions of signed-in people, in memory: a restart of the host ends them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hookyard_model::Timestamp;
use uuid::Uuid;

use super::Grant;

/// How long a session lasts after its last use.
const IDLE_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// How long a session lasts at most.
const AGE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The maximum number of sessions. The one that was used least lately makes room.
const COUNT_MAX: usize = 1024;

#[derive(Debug, Clone)]
struct Session {
    grant: Arc<Grant>,
    began: Timestamp,
    used: Timestamp,
}

/// The sessions by their ids.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<BTreeMap<String, Session>>);

impl Sessions {
    /// Begins a session, and returns its id of 244 random bits.
    pub(super) fn begin(&self, grant: Arc<Grant>, now: Timestamp) -> String {
        let id = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.is_live(now));
        if sessions.len() >= COUNT_MAX {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.used);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                sessions.remove(&oldest);
            }
        }
        let session = Session {
            grant,
            began: now,
            used: now,
        };
        sessions.insert(id.clone(), session);
        id
    }

    /// Returns what a session that lasts allows, and notes its use.
    pub(super) fn grant(&self, id: &str, now: Timestamp) -> Option<Arc<Grant>> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = sessions.get_mut(id).filter(|session| session.is_live(now));
        found.map(|session| {
            session.used = now;
            Arc::clone(&session.grant)
        })
    }

    /// Ends a session.
    pub(super) fn end(&self, id: &str) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.remove(id);
    }
}

impl Session {
    fn is_live(&self, now: Timestamp) -> bool {
        now.since(self.used) < IDLE_MAX && now.since(self.began) < AGE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Arc<Grant> {
        Arc::new(Grant::administrator("ada"))
    }

    const HOUR: i64 = 3_600;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_secs(1_780_400_200 + seconds)
    }

    #[test]
    fn session_ends_when_idle_and_when_old() {
        let sessions = Sessions::default();
        let id = sessions.begin(grant(), at(0));
        for hour in (0..7 * 24).step_by(11) {
            assert!(sessions.grant(&id, at(hour * HOUR)).is_some(), "{hour}");
        }
        assert!(sessions.grant(&id, at(7 * 24 * HOUR)).is_none());

        let idle = sessions.begin(grant(), at(0));
        assert!(sessions.grant(&idle, at(12 * HOUR)).is_none());
    }

    #[test]
    fn ended_or_unknown_session_is_not_live() {
        let sessions = Sessions::default();
        let id = sessions.begin(grant(), at(0));
        sessions.end(&id);
        assert!(sessions.grant(&id, at(1)).is_none() && sessions.grant("", at(1)).is_none());
    }

    #[test]
    fn number_of_sessions_is_bounded() {
        let sessions = Sessions::default();
        let first = sessions.begin(grant(), at(0));
        for second in 1..=COUNT_MAX as i64 {
            sessions.begin(grant(), at(second));
        }
        assert!(sessions.grant(&first, at(COUNT_MAX as i64)).is_none());
        let count = sessions.0.lock().map(|sessions| sessions.len());
        assert!(count.is_ok_and(|count| count == COUNT_MAX));
    }
}
