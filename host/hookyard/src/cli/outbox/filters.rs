//! `hookyard outbox`: which messages are meant, and what is to be done with them.

use clap::{Args, ValueEnum};
use hookyard_model::{DestinationName, EventId, PluginName, TenantName, Timestamp};
use hookyard_store::MessageSelection;
use hookyard_store_sqlite::SqliteStore;

use crate::cli::Failure;
use crate::cli::shared::filters::{Moment, QualifiedName, non_empty_text, one_tenant};
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::ids;

/// Which messages: what is not said excludes nothing.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filters {
    /// Only messages of this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<TenantName>,
    /// Only messages to this destination: its name, or tenant/name
    #[arg(long, value_name = "NAME")]
    destination: Option<QualifiedName<DestinationName>>,
    /// Only messages of this plugin: its name, or tenant/name
    #[arg(long, value_name = "NAME")]
    plugin: Option<QualifiedName<PluginName>>,
    /// Only messages of this type, in the receiver's words
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only messages that came of this event: its id, or its first digits
    #[arg(long, value_name = "ID")]
    event: Option<IdPrefix>,
    /// Only messages whose body holds this text
    #[arg(long, value_name = "TEXT", value_parser = non_empty_text)]
    text: Option<String>,
    /// Only messages that are at this point; several, as in dead,waiting, mean any of them
    #[arg(long, value_enum, value_delimiter = ',')]
    state: Vec<State>,
    /// Only messages committed at or after this: 2026-06-02T11:30:00Z, or 90m, 2h or 7d ago
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only messages committed before this
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    /// Ready to be sent
    Pending,
    /// Being sent
    Leased,
    /// A failed try will be made again
    Waiting,
    /// Sent
    Done,
    /// Given up on
    Dead,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Leased => "leased",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }
}

impl Filters {
    /// Whether nothing is filtered.
    pub(crate) fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// What the outbox is asked for.
    pub(crate) async fn selection(
        self,
        now: Timestamp,
        inbox: &SqliteStore,
    ) -> Result<MessageSelection, Failure> {
        let event = match &self.event {
            None => None,
            // The event of a message may have been pruned before.
            Some(prefix) => match prefix.whole(EventId::from_uuid) {
                Some(id) => Some(id),
                None => Some(ids::event(inbox, prefix).await?),
            },
        };
        Ok(MessageSelection {
            event,
            ..self.without_event(now)?
        })
    }

    fn without_event(self, now: Timestamp) -> Result<MessageSelection, Failure> {
        let named = [
            self.destination
                .as_ref()
                .and_then(|named| named.tenant.clone()),
            self.plugin.as_ref().and_then(|named| named.tenant.clone()),
        ];
        Ok(MessageSelection {
            tenant: one_tenant(
                "a message",
                self.tenant.into_iter().chain(named.into_iter().flatten()),
            )?,
            destination: self.destination.map(|named| named.name),
            plugin: self.plugin.map(|named| named.name),
            event_type: self.event_type,
            text: self.text,
            states: self
                .state
                .into_iter()
                .map(|state| state.name().to_owned())
                .collect(),
            since: self.since.map(|moment| moment.before(now)),
            until: self.until.map(|moment| moment.before(now)),
            ..MessageSelection::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filters: Filters,
    }

    const NOW: Timestamp = Timestamp::from_unix_secs(1_000_000);

    fn read(arguments: &[&str]) -> Result<MessageSelection, String> {
        let line = Line::try_parse_from(["test"].iter().chain(arguments))
            .map_err(|error| error.to_string())?;
        line.filters
            .without_event(NOW)
            .map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn every_filter_reaches_the_outbox() {
        let names = [
            "--destination",
            "acme/partner",
            "--plugin",
            "offers",
            "--type",
            "a.b",
            "--text",
            "A-17",
        ];
        let rest = [
            "--state",
            "dead,waiting",
            "--since",
            "2h",
            "--until",
            "1970-01-12T00:00:00Z",
        ];
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
        assert_eq!(read(&[&names[..], &rest].concat()), Ok(expected));
        assert_eq!(read(&[]), Ok(MessageSelection::default()));
        for (state, name) in State::value_variants()
            .iter()
            .zip(["pending", "leased", "waiting", "done", "dead"])
        {
            assert_eq!(state.name(), name);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (arguments, part) in [
            (&["--state", "held"][..], "possible values"),
            (&["--event", "acme"], "first hexadecimal digits"),
            (
                &["--tenant", "umbrella", "--destination", "acme/partner"],
                "name one tenant",
            ),
        ] {
            let refused = read(arguments).expect_err("nonsense");
            assert!(refused.contains(part), "{arguments:?}: {refused}");
        }
    }
}
