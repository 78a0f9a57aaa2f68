//! What running events again and sending messages again have in common: what is refused, and what is answered.

use std::path::Path;

use hookyard_inbox::Replayed;
use hookyard_inbox_sqlite::SqliteInbox;

use crate::cli::{Again, Failure};

/// The words in which it is told.
pub(crate) struct Words {
    /// What is meant, one and many of them.
    pub(crate) one: &'static str,
    pub(crate) many: &'static str,
    /// What they do, or are.
    pub(crate) verb: &'static str,
    /// Of what one asks for.
    pub(crate) asked: &'static str,
    /// Why one is left alone.
    pub(crate) busy: &'static str,
}

impl Words {
    /// Refuses a wish that names nothing, unless it says that everything is meant.
    pub(crate) fn must_name_some(&self, names_none: bool, again: &Again) -> Result<(), Failure> {
        if !names_none || again.all {
            return Ok(());
        }
        let Self { verb, asked, .. } = self;
        let way_out = format!("name {asked}s, or narrow them down by a filter; --all takes everything that is stored");
        Err(Failure::Arguments(format!("every stored {asked} would {verb} again: {way_out}")))
    }

    /// What was done, or would be, in a line.
    pub(crate) fn answer(&self, replayed: Replayed, again: &Again, more: &str) -> String {
        match again.json {
            true => self.in_json(replayed, again.dry_run),
            false => self.in_words(replayed, again.dry_run, more),
        }
    }

    fn in_json(&self, Replayed { again, leased }: Replayed, dry_run: bool) -> String {
        format!("{{\"{}\":{again},\"leased\":{leased},\"dry_run\":{dry_run}}}", self.many)
    }

    fn in_words(&self, Replayed { again, leased }: Replayed, dry_run: bool, more: &str) -> String {
        let count = if again == 1 { format!("1 {}", self.one) } else { format!("{again} {}", self.many) };
        let (will, were) = if dry_run { ("would", "would be") } else { ("will", "were") };
        let leased = match leased {
            0 => String::new(),
            leased => format!("; {leased} {were} left alone, being {} now", self.busy),
        };
        format!("{count} {will} {} again{more}{leased}", self.verb)
    }
}

/// The inbox in which it is to be done, or only counted.
pub(crate) fn open(path: &Path, again: &Again) -> Result<SqliteInbox, Failure> {
    if again.dry_run { super::to_read(path) } else { super::to_change(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words { one: "job", many: "jobs", verb: "run", asked: "event", busy: "attempted" };

    #[test]
    fn what_was_done_is_told_in_a_line() {
        let replayed = |again, leased| Replayed { again, leased };
        assert_eq!(WORDS.in_words(replayed(1, 0), false, ""), "1 job will run again");
        assert_eq!(WORDS.in_words(replayed(0, 0), false, " on it"), "0 jobs will run again on it");
        let expected = "7 jobs would run again; 2 would be left alone, being attempted now";
        assert_eq!(WORDS.in_words(replayed(7, 2), true, ""), expected);
        assert_eq!(WORDS.in_json(replayed(7, 2), true), r#"{"jobs":7,"leased":2,"dry_run":true}"#);
    }

    #[test]
    fn everything_has_to_be_said() {
        let again = |all| Again { all, dry_run: false, rate: None, json: false };
        assert!(WORDS.must_name_some(true, &again(false)).is_err());
        assert!(WORDS.must_name_some(true, &again(true)).is_ok());
        assert!(WORDS.must_name_some(false, &again(false)).is_ok());
    }
}
