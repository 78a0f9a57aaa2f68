//! Keys with the time in which they sign.

use hookyard_model::Timestamp;

use super::SignError;
use crate::{Secret, SetupError};

/// A secret or private key, and when it signs. Its `Debug` shows no byte of it.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// What signs.
    pub secret: Secret,
    /// The first moment at which it signs; always so far where `None`.
    pub from: Option<Timestamp>,
    /// The first moment at which it doesn't sign any more; never where `None`.
    pub until: Option<Timestamp>,
}

impl SigningKey {
    /// One that signs at all times.
    pub const fn always(secret: Secret) -> Self {
        Self {
            secret,
            from: None,
            until: None,
        }
    }
}

/// How many keys sign now, signed before, or will sign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyCount {
    /// That sign now.
    pub live: usize,
    /// Whose time has not come.
    pub waiting: usize,
    /// Whose time is over.
    pub retired: usize,
}

/// Keys of one kind, compiled, in the order of their configuration.
pub(super) struct Keys<T> {
    what: &'static str,
    keys: Vec<Timed<T>>,
}

struct Timed<T> {
    key: T,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl<T> Keys<T> {
    /// Compiles each; `what` names one in messages.
    pub(super) fn new(
        what: &'static str,
        given: &[SigningKey],
        compile: impl Fn(&Secret) -> Result<T, SetupError>,
    ) -> Result<Self, SetupError> {
        let one = |given: &SigningKey| {
            if given
                .from
                .zip(given.until)
                .is_some_and(|(from, until)| from >= until)
            {
                return Err(SetupError::Senseless(
                    "a key's `until` is not after its `from`, so it would never sign",
                ));
            }
            if given.secret.is_empty() {
                return Err(SetupError::EmptyKey { what });
            }
            Ok(Timed {
                key: compile(&given.secret)?,
                from: given.from,
                until: given.until,
            })
        };
        Ok(Self {
            what,
            keys: given.iter().map(one).collect::<Result<_, _>>()?,
        })
    }

    /// As `new`; refuses that there is none.
    pub(super) fn some(
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

    /// Those that sign at `now`.
    pub(super) fn live(&self, now: Timestamp) -> impl Iterator<Item = &T> {
        self.keys
            .iter()
            .filter(move |key| key.is_live(now))
            .map(|key| &key.key)
    }

    /// The first that signs at `now`.
    pub(super) fn first(&self, now: Timestamp) -> Result<&T, SignError> {
        self.live(now).next().ok_or_else(|| SignError::NothingLive {
            what: self.what,
            next: self.next(now),
        })
    }

    /// When the next one begins to sign.
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

impl<T> Timed<T> {
    fn is_live(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

impl<T> std::fmt::Debug for Keys<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}(s)", self.keys.len(), self.what)
    }
}
