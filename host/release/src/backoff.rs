//! The pause before the host compiles a component again that it could not compile for a reason of
//! its own.

use std::time::Duration;

use hookyard_model::Revision;

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);

/// The last pause of one plugin, and the revision that it was for.
///
/// The revision is `None` if the component could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Backoff(Option<(Option<Revision>, Duration)>);

impl Backoff {
    /// Returns the next pause for a revision: twice the last one, or the first pause if the
    /// revision is another one.
    pub(crate) fn next(&mut self, revision: Option<Revision>) -> Duration {
        let pause = match self.0 {
            Some((of, last)) if of == revision => (last * 2).min(LONGEST),
            _ => FIRST,
        };

        self.0 = Some((revision, pause));
        pause
    }

    /// Makes the next pause the first one again.
    pub(crate) fn reset(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_doubles_for_the_same_revision() {
        let mut backoff = Backoff::default();
        let revision = |number| Some(Revision::from_sha256([number; 32]));

        let pauses: Vec<_> = (0..8)
            .map(|_| backoff.next(revision(1)).as_secs())
            .collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);

        assert_eq!(backoff.next(revision(2)), FIRST);
        assert_eq!(backoff.next(revision(2)), FIRST * 2);
        backoff.reset();
        assert_eq!(backoff.next(revision(2)), FIRST);
    }
}
