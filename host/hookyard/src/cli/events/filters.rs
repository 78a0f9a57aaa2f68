//! The filters of `hookyard events`.

use clap::{Args, ValueEnum};
use hookyard_model::{SourceName, Timestamp};
use hookyard_store::EventSelection;

use crate::cli::Failure;
use crate::cli::shared::filters::{CommonFilters, CommonSelection, QualifiedName, state_names};

/// The filters on events. A filter that is not given excludes nothing.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
pub(super) struct Filters {
    #[command(flatten)]
    common: CommonFilters,
    /// Only this source, as name or tenant/name
    #[arg(long, value_name = "NAME")]
    source: Option<QualifiedName<SourceName>>,
    /// Only the event with this idempotency key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only events with a job in one of these states, such as dead,held
    #[arg(long, value_enum, value_delimiter = ',')]
    state: Vec<State>,
}

/// The state of a job, or of an event without jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    /// Ready to be attempted
    Pending,
    /// Being attempted
    Leased,
    /// Waiting for a retry
    Waiting,
    /// Handled
    Done,
    /// Failed, and not retried any more
    Dead,
    /// Held until the plugin is back or out of quarantine
    Held,
    /// Handled by no plugin
    Unrouted,
    /// Discarded by an operator
    Discarded,
}

impl Filters {
    /// Returns the selection at the time `now`.
    ///
    /// # Errors
    ///
    /// Fails if the filters name different tenants.
    pub(super) fn selection(self, now: Timestamp) -> Result<EventSelection, Failure> {
        let (source_tenant, source) = match self.source {
            Some(QualifiedName { tenant, name }) => (tenant, Some(name)),
            None => (None, None),
        };
        let CommonSelection {
            tenant,
            plugin,
            event_type,
            text,
            since,
            until,
        } = self.common.selection("event", source_tenant, now)?;

        Ok(EventSelection {
            tenant,
            source,
            plugin,
            event_type,
            key: self.key,
            text,
            states: state_names(&self.state),
            since,
            until,
            ..EventSelection::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        filters: Filters,
    }

    const NOW: Timestamp = Timestamp::from_unix_secs(1_000_000);

    fn selection(arguments: &[&str]) -> Result<EventSelection, String> {
        let arguments = Arguments::try_parse_from(["test"].iter().chain(arguments))
            .map_err(|error| error.to_string())?;
        arguments
            .filters
            .selection(NOW)
            .map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn every_event_filter_reaches_the_store() {
        let names = ["--source", "acme/orders", "--plugin", "books"];
        let texts = ["--type", "a.b", "--key", "k-1", "--text", "A-17"];
        let states = ["--state", "dead,held", "--state", "done"];
        let times = ["--since", "2h", "--until", "1970-01-12T00:00:00Z"];
        let expected = EventSelection {
            tenant: Some("acme".parse().expect("a name")),
            source: Some("orders".parse().expect("a name")),
            plugin: Some("books".parse().expect("a name")),
            event_type: Some("a.b".into()),
            key: Some("k-1".into()),
            text: Some("A-17".into()),
            states: ["dead", "held", "done"].map(str::to_owned).into(),
            since: Some(Timestamp::from_unix_secs(1_000_000 - 7200)),
            until: Some(Timestamp::from_unix_secs(11 * 86_400)),
            ..EventSelection::default()
        };

        let all = [&names[..], &texts, &states, &times].concat();
        assert_eq!(selection(&all), Ok(expected));
        assert_eq!(selection(&[]), Ok(EventSelection::default()));
    }

    #[test]
    fn every_job_state_has_its_name() {
        let names = [
            "pending",
            "leased",
            "waiting",
            "done",
            "dead",
            "held",
            "unrouted",
            "discarded",
        ];
        assert_eq!(state_names(State::value_variants()), names);
    }

    #[test]
    fn invalid_event_filters_are_refused() {
        for (arguments, part) in [
            (&["--since", "yesterday"][..], "2026-06-02T11:30:00Z"),
            (&["--state", "lost"], "possible values"),
            (&["--text", ""], "must be a text"),
            (&["--source", "Acme/x"], "invalid"),
            (
                &["--tenant", "umbrella", "--source", "acme/orders"],
                "name one tenant",
            ),
            (
                &["--plugin", "umbrella/x", "--source", "acme/orders"],
                "name one tenant",
            ),
        ] {
            let error = selection(arguments).expect_err("invalid filters");
            assert!(error.contains(part), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn filters_may_repeat_the_tenant() {
        let tenant = ["--tenant", "acme"];
        let names = ["--plugin", "acme/books", "--source", "acme/orders"];
        assert!(selection(&[&tenant[..], &names].concat()).is_ok());
    }
}
