//! `hookyard outbox`: which messages are meant, and what is to be done with them.

use clap::{Args, Subcommand, ValueEnum};
use hookyard_inbox::MessageSelection;
use hookyard_model::{DestinationName, DestinationRef, EventId, MessageId, PluginName, TenantName, Timestamp};

use super::filters::{Moment, Named, one_tenant};
use super::{Again, Config, Failure};

/// What to do with messages.
#[derive(Debug, Subcommand)]
pub(crate) enum Outbox {
    /// List messages, the oldest first, with where they stand, and the destinations that are disabled
    List {
        #[command(flatten)]
        config: Config,
        /// No more than this many
        #[arg(long, value_name = "COUNT")]
        limit: Option<usize>,
        /// One JSON object per line instead of a table
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        filters: Filters,
    },
    /// Show one message whole: its body, and every try at sending it with what was answered
    Show {
        /// The message's id
        id: MessageId,
        #[command(flatten)]
        config: Config,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Send messages again, under their old ids, whatever came of them; earlier tries stay on record
    ///
    /// What is being sent at the moment is left alone. A host that is running takes up the rest within moments, another
    /// one when it starts.
    Replay {
        /// The messages' ids
        ids: Vec<MessageId>,
        #[command(flatten)]
        config: Config,
        #[command(flatten)]
        again: Again,
        #[command(flatten)]
        filters: Filters,
    },
    /// Have a destination sent to again that was disabled, as by its answer 410
    Enable {
        /// The destination, as tenant/name
        #[arg(value_parser = destination)]
        destination: DestinationRef,
        #[command(flatten)]
        config: Config,
    },
}

/// Which messages: what is not said excludes nothing.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filters {
    /// Only messages of this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<TenantName>,
    /// Only messages to this destination: its name, or tenant/name
    #[arg(long, value_name = "NAME")]
    destination: Option<Named<DestinationName>>,
    /// Only messages of this plugin: its name, or tenant/name
    #[arg(long, value_name = "NAME")]
    plugin: Option<Named<PluginName>>,
    /// Only messages of this type, in the receiver's words
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only messages that came of this event
    #[arg(long, value_name = "ID")]
    event: Option<EventId>,
    /// Only messages that are at this point
    #[arg(long, value_enum)]
    state: Option<State>,
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
    /// What the outbox is asked for.
    pub(crate) fn selection(self, now: Timestamp) -> Result<MessageSelection, Failure> {
        let named = [
            self.destination.as_ref().and_then(|named| named.tenant.clone()),
            self.plugin.as_ref().and_then(|named| named.tenant.clone()),
        ];
        Ok(MessageSelection {
            ids: Vec::new(),
            tenant: one_tenant("a message", self.tenant.into_iter().chain(named.into_iter().flatten()))?,
            destination: self.destination.map(|named| named.name),
            plugin: self.plugin.map(|named| named.name),
            event_type: self.event_type,
            event: self.event,
            state: self.state.map(|state| state.name().to_owned()),
            since: self.since.map(|moment| moment.before(now)),
            until: self.until.map(|moment| moment.before(now)),
        })
    }
}

fn destination(text: &str) -> Result<DestinationRef, String> {
    let Named { tenant, name } = text.parse().map_err(|error: hookyard_model::InvalidName| error.to_string())?;
    let tenant = tenant.ok_or("must be a tenant and a name, such as acme/partner")?;
    Ok(DestinationRef { tenant, destination: name })
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
    const ID: &str = "0197308f-0000-7000-8000-000000000001";

    fn read(arguments: &[&str]) -> Result<MessageSelection, String> {
        let line = Line::try_parse_from(["test"].iter().chain(arguments)).map_err(|error| error.to_string())?;
        line.filters.selection(NOW).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn every_filter_reaches_the_outbox() {
        let names = ["--destination", "acme/partner", "--plugin", "offers", "--type", "a.b", "--event", ID];
        let rest = ["--state", "dead", "--since", "2h", "--until", "1970-01-12T00:00:00Z"];
        let expected = MessageSelection {
            ids: Vec::new(),
            tenant: Some("acme".parse().expect("a name")),
            destination: Some("partner".parse().expect("a name")),
            plugin: Some("offers".parse().expect("a name")),
            event_type: Some("a.b".into()),
            event: Some(ID.parse().expect("an id")),
            state: Some("dead".into()),
            since: Some(Timestamp::from_unix_secs(1_000_000 - 7200)),
            until: Some(Timestamp::from_unix_secs(11 * 86_400)),
        };
        assert_eq!(read(&[&names[..], &rest].concat()), Ok(expected));
        assert_eq!(read(&[]), Ok(MessageSelection::default()));
        for (state, name) in State::value_variants().iter().zip(["pending", "leased", "waiting", "done", "dead"]) {
            assert_eq!(state.name(), name);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (arguments, part) in [
            (&["--state", "held"][..], "possible values"),
            (&["--event", "7"], "invalid"),
            (&["--tenant", "umbrella", "--destination", "acme/partner"], "name one tenant"),
        ] {
            let refused = read(arguments).expect_err("nonsense");
            assert!(refused.contains(part), "{arguments:?}: {refused}");
        }
        assert!(destination("partner").is_err_and(|why| why.contains("acme/partner")));
        assert!(destination("acme/Partner").is_err());
        assert_eq!(destination("acme/partner").map(|found| found.to_string()), Ok("acme/partner".into()));
    }
}
