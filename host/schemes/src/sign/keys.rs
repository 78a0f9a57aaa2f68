//! Signing keys, each with the time during which it signs.

use hookyard_model::Timestamp;

use super::SignError;
use crate::{Secret, SetupError};

/// A secret or private key, with the time during which it signs. Its `Debug` shows no byte of the
/// key.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// The secret or private key.
    pub secret: Secret,
    /// The time at which the key starts to sign; `None` means that the key has always signed.
    pub from: Option<Timestamp>,
    /// The time at which the key stops to sign; `None` means that the key never stops.
    pub until: Option<Timestamp>,
}

impl SigningKey {
    /// Returns a key that signs at all times.
    pub const fn always(secret: Secret) -> Self {
        Self {
            secret,
            from: None,
            until: None,
        }
    }
}

/// The number of keys that sign now, will sign later, or have signed before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyCount {
    /// The number of keys that sign now.
    pub live: usize,
    /// The number of keys whose time has not begun.
    pub waiting: usize,
    /// The number of keys whose time is over.
    pub retired: usize,
}

/// Keys of one kind, compiled, in the order of their configuration.
pub(super) struct Keys<T> {
    what: &'static str,
    keys: Vec<TimedKey<T>>,
}

struct TimedKey<T> {
    key: T,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl<T> Keys<T> {
    /// Compiles each key; `what` names the kind of key in messages.
    pub(super) fn new(
        what: &'static str,
        given: &[SigningKey],
        compile: impl Fn(&Secret) -> Result<T, SetupError>,
    ) -> Result<Self, SetupError> {
        let mut keys = Vec::new();
        for SigningKey {
            secret,
            from,
            until,
        } in given
        {
            if from.zip(*until).is_some_and(|(from, until)| from >= until) {
                return Err(SetupError::Senseless(
                    "`until` is not after its `from`, so the key never signs",
                ));
            }
            if secret.is_empty() {
                return Err(SetupError::EmptyKey { what });
            }

            keys.push(TimedKey {
                key: compile(secret)?,
                from: *from,
                until: *until,
            });
        }
        Ok(Self { what, keys })
    }

    /// Does the same as [`new`](Self::new), but refuses an empty list.
    pub(super) fn required(
        what: &'static str,
        given: &[SigningKey],
        compile: impl Fn(&Secret) -> Result<T, SetupError>,
    ) -> Result<Self, SetupError> {
        if given.is_empty() {
            Err(SetupError::NoKeys { what })
        } else {
            Self::new(what, given, compile)
        }
    }

    /// Returns the keys that sign at `now`.
    pub(super) fn live(&self, now: Timestamp) -> impl Iterator<Item = &T> {
        self.keys
            .iter()
            .filter(move |key| key.is_live(now))
            .map(|key| &key.key)
    }

    /// Returns the first key that signs at `now`.
    pub(super) fn first(&self, now: Timestamp) -> Result<&T, SignError> {
        self.live(now).next().ok_or_else(|| SignError::NothingLive {
            what: self.what,
            next: self.next(now),
        })
    }

    /// Returns the time at which the next key begins to sign.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.keys
            .iter()
            .filter_map(|key| key.from)
            .filter(|from| *from > now)
            .min()
    }

    pub(super) fn count(&self, now: Timestamp) -> KeyCount {
        let live = self.live(now).count();
        let waiting = self
            .keys
            .iter()
            .filter(|key| key.from.is_some_and(|from| from > now))
            .count();

        KeyCount {
            live,
            waiting,
            retired: self.keys.len() - live - waiting,
        }
    }
}

impl<T> TimedKey<T> {
    fn is_live(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

impl<T> std::fmt::Debug for Keys<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}(s)", self.keys.len(), self.what)
    }
}
