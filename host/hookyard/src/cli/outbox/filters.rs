//! The filters of `hookyard outbox`.

use clap::{Args, ValueEnum};
use hookyard_model::{DestinationName, EventId, Timestamp};
use hookyard_store::{EventSummary, MessageSelection};
use hookyard_store_sqlite::SqliteStore;

use crate::cli::Failure;
use crate::cli::shared::filters::{CommonFilters, CommonSelection, QualifiedName, state_names};
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::ids;

/// The filters on messages. A filter that is not given excludes nothing.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Filters")]
pub(super) struct Filters {
    #[command(flatten)]
    common: CommonFilters,
    /// Only this destination, as name or tenant/name
    #[arg(long, value_name = "NAME")]
    destination: Option<QualifiedName<DestinationName>>,
    /// Only messages that a plugin sent while it handled this event: its id, or its first digits
    #[arg(long, value_name = "ID")]
    event: Option<IdPrefix>,
    /// Only messages in one of these states, such as dead,waiting
    #[arg(long, value_enum, value_delimiter = ',')]
    state: Vec<State>,
}

/// The state of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    /// Ready to be delivered
    Pending,
    /// Being delivered
    Leased,
    /// Waiting for a retry
    Waiting,
    /// Delivered
    Done,
    /// Failed, and not retried any more
    Dead,
}

impl Filters {
    /// Returns whether no filter is given.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the selection at the time `now`. The store is needed to find the event of `--event`.
    ///
    /// # Errors
    ///
    /// Fails if the filters name different tenants, or if the event cannot be found.
    pub(super) async fn selection(
        self,
        now: Timestamp,
        store: &SqliteStore,
    ) -> Result<MessageSelection, Failure> {
        let event = match &self.event {
            None => None,
            // A whole id is not looked up: the event may have been pruned before its message.
            Some(prefix) => match prefix.whole(EventId::from_uuid) {
                Some(id) => Some(id),
                None => Some(ids::find::<EventSummary>(store, prefix).await?),
            },
        };

        Ok(MessageSelection {
            event,
            ..self.selection_without_event(now)?
        })
    }

    fn selection_without_event(self, now: Timestamp) -> Result<MessageSelection, Failure> {
        let (destination_tenant, destination) = match self.destination {
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
        } = self.common.selection("message", destination_tenant, now)?;

        Ok(MessageSelection {
            tenant,
            destination,
            plugin,
            event_type,
            text,
            states: state_names(&self.state),
            since,
            until,
            ..MessageSelection::default()
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

    fn selection(arguments: &[&str]) -> Result<MessageSelection, String> {
        let arguments = Arguments::try_parse_from(["test"].iter().chain(arguments))
            .map_err(|error| error.to_string())?;
        arguments
            .filters
            .selection_without_event(NOW)
            .map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn every_message_filter_reaches_the_store() {
        let names = ["--destination", "acme/partner", "--plugin", "offers"];
        let texts = ["--type", "a.b", "--text", "A-17"];
        let rest = ["--state", "dead,waiting", "--since", "2h"];
        let until = ["--until", "1970-01-12T00:00:00Z"];
        let expected = MessageSelection {
            tenant: Some("acme".parse().expect("a name")),
            destination: Some("partner".parse().expect("a name")),
            plugin: Some("offers".parse().expect("a name")),
            event_type: Some("a.b".into()),
            text: Some("A-17".into()),
            states: ["dead", "waiting"].map(str::to_owned).into(),
            since: Some(Timestamp::from_unix_secs(1_000_000 - 7200)),
            until: Some(Timestamp::from_unix_secs(11 * 86_400)),
            ..MessageSelection::default()
        };

        let all = [&names[..], &texts, &rest, &until].concat();
        assert_eq!(selection(&all), Ok(expected));
        assert_eq!(selection(&[]), Ok(MessageSelection::default()));
    }

    #[test]
    fn every_message_state_has_its_name() {
        let names = ["pending", "leased", "waiting", "done", "dead"];
        assert_eq!(state_names(State::value_variants()), names);
    }

    #[test]
    fn invalid_message_filters_are_refused() {
        for (arguments, part) in [
            (&["--state", "held"][..], "possible values"),
            (&["--event", "acme"], "first hexadecimal digits"),
            (
                &["--tenant", "umbrella", "--destination", "acme/partner"],
                "name one tenant",
            ),
        ] {
            let error = selection(arguments).expect_err("invalid filters");
            assert!(error.contains(part), "{arguments:?}: {error}");
        }
    }
}
