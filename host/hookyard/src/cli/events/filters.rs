//! Which events are meant, as it is said on the command line.

use clap::{Args, ValueEnum};
use hookyard_model::{PluginName, SourceName, TenantName, Timestamp};
use hookyard_store::EventSelection;

use crate::cli::Failure;
use crate::cli::shared::filters::{Moment, QualifiedName, non_empty_text, one_tenant};

/// Which events: what is not said excludes nothing.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filters {
    /// Only events of this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<TenantName>,
    /// Only events of this source: its name, or tenant/name
    #[arg(long, value_name = "NAME")]
    source: Option<QualifiedName<SourceName>>,
    /// Only events that this plugin is given: its name, or tenant/name
    #[arg(long, value_name = "NAME")]
    plugin: Option<QualifiedName<PluginName>>,
    /// Only events of this type, in the sender's words
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only the event with this idempotency key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only events whose body holds this text
    #[arg(long, value_name = "TEXT", value_parser = non_empty_text)]
    text: Option<String>,
    /// Only events that a plugin is at this point with; several, as in dead,held, mean any of them
    #[arg(long, value_enum, value_delimiter = ',')]
    state: Vec<State>,
    /// Only events received at or after this: 2026-06-02T11:30:00Z, or 90m, 2h or 7d ago
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only events received before this
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// Ready to be attempted
    Pending,
    /// Being attempted
    Leased,
    /// A failed attempt will be made again
    Waiting,
    /// Handled
    Done,
    /// Given up on
    Dead,
    /// Kept until its plugin is there, or out of quarantine
    Held,
    /// Taken by no plugin
    Unrouted,
    /// Ended by hand
    Discarded,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Leased => "leased",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Held => "held",
            Self::Unrouted => "unrouted",
            Self::Discarded => "discarded",
        }
    }
}

impl Filters {
    /// What the inbox is asked for.
    pub(crate) fn selection(self, now: Timestamp) -> Result<EventSelection, Failure> {
        let named = [
            self.source.as_ref().and_then(|named| named.tenant.clone()),
            self.plugin.as_ref().and_then(|named| named.tenant.clone()),
        ];
        Ok(EventSelection {
            tenant: one_tenant(
                "an event",
                self.tenant.into_iter().chain(named.into_iter().flatten()),
            )?,
            source: self.source.map(|named| named.name),
            plugin: self.plugin.map(|named| named.name),
            event_type: self.event_type,
            key: self.key,
            text: self.text,
            states: self
                .state
                .into_iter()
                .map(|state| state.name().to_owned())
                .collect(),
            since: self.since.map(|moment| moment.before(now)),
            until: self.until.map(|moment| moment.before(now)),
            ..EventSelection::default()
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

    fn read(arguments: &[&str]) -> Result<EventSelection, String> {
        let line = Line::try_parse_from(["test"].iter().chain(arguments))
            .map_err(|error| error.to_string())?;
        line.filters
            .selection(NOW)
            .map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn every_filter_reaches_the_inbox() {
        let all = [
            "--source",
            "acme/orders",
            "--plugin",
            "books",
            "--type",
            "a.b",
            "--state",
            "dead,held",
        ];
        let more = [
            "--state",
            "done",
            "--key",
            "k-1",
            "--text",
            "A-17",
            "--since",
            "2h",
            "--until",
            "1970-01-12T00:00:00Z",
        ];
        let found = read(&[&all[..], &more].concat());
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
        assert_eq!(found, Ok(expected));
        assert_eq!(read(&[]), Ok(EventSelection::default()));
        let names: Vec<_> = State::value_variants()
            .iter()
            .map(|state| state.name())
            .collect();
        assert_eq!(
            names,
            [
                "pending",
                "leased",
                "waiting",
                "done",
                "dead",
                "held",
                "unrouted",
                "discarded"
            ]
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
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
            let refused = read(arguments).expect_err("nonsense");
            assert!(refused.contains(part), "{arguments:?}: {refused}");
        }
        assert!(
            read(&[
                "--tenant",
                "acme",
                "--plugin",
                "acme/books",
                "--source",
                "acme/orders"
            ])
            .is_ok()
        );
    }
}
