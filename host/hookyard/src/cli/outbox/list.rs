//! `hookyard outbox list`: the messages and where they stand, and which destinations are sent nothing.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use clap::Args;
use hookyard_model::{Clock, DestinationRef};
use hookyard_store::{
    DisabledDestination, Error, ListOrder, MessagePage, MessageSelection, MessageSummary, Outbox,
};
use hookyard_store_sqlite::SqliteStore;
use serde::Serialize;

use super::filters::Filters;
use crate::cli::Failure;
use crate::cli::shared;
use crate::cli::shared::ids::shortened;
use crate::cli::shared::list::{self, Item, Store, write_json};
use crate::cli::shared::listing::Listing;
use crate::cli::shared::table::{terminal_width, write_table};
use crate::cli::shared::text;
use crate::clock::SystemClock;
use hookyard_model::visible;

const HEAD: [&str; 6] = ["ID", "COMMITTED", "DESTINATION", "TYPE", "PLUGIN", "STATE"];

/// The destinations that are sent nothing, each with why and since when.
pub(super) type AllDisabled = BTreeMap<DestinationRef, DisabledDestination>;

/// The arguments of `hookyard outbox list`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    listing: Listing,
    #[command(flatten)]
    filters: Filters,
}

/// Lists the messages that match the filters.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { listing, filters } = arguments;
    let stored = shared::open_for_reading(path)?;
    let selection = filters.selection(SystemClock.now(), &stored.inbox).await?;
    stored.must_know_names_of_messages(&selection).await?;
    let disabled = all_disabled(&stored.inbox).await?;
    let messages = Messages {
        inbox: stored.inbox,
        selection,
        disabled,
        listing: &listing,
        width_max: terminal_width(),
    };
    list::write(&messages, &listing).await?;
    if !listing.json {
        write_disabled(&messages.selection, &messages.disabled, &mut io::stdout())
            .map_err(Failure::Output)?;
    }
    Ok(())
}

/// The messages that are meant.
struct Messages<'l> {
    inbox: SqliteStore,
    selection: MessageSelection,
    disabled: AllDisabled,
    listing: &'l Listing,
    width_max: Option<usize>,
}

impl Messages<'_> {
    /// The same, whatever has become of them so far.
    fn whatever_became_of_them(&self) -> MessageSelection {
        MessageSelection {
            states: Vec::new(),
            ..self.selection.clone()
        }
    }
}

impl Store<MessageSummary> for Messages<'_> {
    async fn page(
        &self,
        after: Option<&MessageSummary>,
        limit: usize,
    ) -> Result<Vec<MessageSummary>, Error> {
        let order = if self.listing.oldest_first {
            ListOrder::OldestFirst
        } else {
            ListOrder::NewestFirst
        };
        let (selection, after) = (self.selection.clone(), after.map(|message| message.id));
        self.inbox
            .messages(MessagePage {
                selection,
                order,
                after,
                limit,
            })
            .await
    }

    async fn newer(
        &self,
        after: Option<&MessageSummary>,
        limit: usize,
    ) -> Result<Vec<MessageSummary>, Error> {
        let after = after.map(|message| message.id);
        self.inbox
            .messages(MessagePage {
                after,
                ..MessagePage::first(self.whatever_became_of_them(), limit)
            })
            .await
    }

    async fn newest(&self, limit: usize) -> Result<Vec<MessageSummary>, Error> {
        self.inbox
            .messages(MessagePage::last(self.whatever_became_of_them(), limit))
            .await
    }

    async fn again(
        &self,
        messages: &VecDeque<MessageSummary>,
    ) -> Result<Vec<MessageSummary>, Error> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let ids = messages.iter().map(|message| message.id).collect();
        let selection = MessageSelection {
            ids,
            ..MessageSelection::default()
        };
        self.inbox
            .messages(MessagePage::first(selection, messages.len()))
            .await
    }

    fn means(&self, message: &MessageSummary) -> bool {
        let states = &self.selection.states;
        states.is_empty() || states.iter().any(|state| state == message.state.name())
    }

    fn nothing(&self) -> &'static str {
        "no message is found"
    }

    fn write(
        &self,
        messages: &[MessageSummary],
        is_first: bool,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if self.listing.json {
            return messages
                .iter()
                .try_for_each(|message| write_json(&Line::of(message, &self.disabled), out));
        }
        let mut ids: Vec<_> = messages
            .iter()
            .map(|message| message.id.to_string())
            .collect();
        if self.width_max.is_some() {
            ids = shortened(&ids);
        }
        let rows = messages
            .iter()
            .zip(ids)
            .map(|(message, id)| row(id, message));
        write_table(is_first.then_some(HEAD), rows, self.width_max, out)
    }
}

impl Item for MessageSummary {
    fn is_same(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

pub(super) async fn all_disabled(inbox: &SqliteStore) -> anyhow::Result<AllDisabled> {
    let disabled = inbox.disabled().await.context("the inbox can't be read")?;
    Ok(disabled
        .into_iter()
        .map(|one| (one.destination.clone(), one))
        .collect())
}

#[derive(Serialize)]
struct Line<'m> {
    id: String,
    tenant: &'m str,
    destination: &'m str,
    plugin: &'m str,
    event: String,
    #[serde(rename = "type")]
    event_type: Option<&'m str>,
    committed_at: String,
    state: &'static str,
    /// The end of the lease or of the wait.
    until: Option<String>,
    behind: Option<text::Behind>,
    attempts: u32,
    last_result: Option<&'m str>,
    bytes: u64,
    /// Why its destination is sent nothing, where that is so.
    disabled: Option<&'m str>,
}

impl<'m> Line<'m> {
    fn of(message: &'m MessageSummary, disabled: &'m AllDisabled) -> Self {
        Self {
            id: message.id.to_string(),
            tenant: message.plugin.tenant.as_str(),
            destination: message.destination.as_str(),
            plugin: message.plugin.name.as_str(),
            event: message.event.to_string(),
            event_type: message.event_type.as_deref(),
            committed_at: message.created_at.to_string(),
            state: message.state.name(),
            until: text::until(message.state),
            behind: message.behind.as_ref().map(text::Behind::of),
            attempts: message.deliveries,
            last_result: message.last_result.as_deref(),
            bytes: message.body_bytes,
            disabled: disabled
                .get(&destination(message))
                .map(|disabled| disabled.reason.as_str()),
        }
    }
}

pub(super) fn destination(message: &MessageSummary) -> DestinationRef {
    DestinationRef {
        tenant: message.plugin.tenant.clone(),
        name: message.destination.clone(),
    }
}

fn row(id: String, message: &MessageSummary) -> [String; 6] {
    let behind = message.behind.as_ref().map(text::Behind::of);
    let state = text::standing(
        message.state.name(),
        text::until(message.state).as_deref(),
        behind.as_ref(),
    );
    let state = match (message.deliveries, &message.last_result) {
        (0, None) => state,
        (attempts, None) => format!("{state}, try {attempts}"),
        (attempts, Some(result)) => format!("{state} after {attempts} ({result})"),
    };
    [
        id,
        message.created_at.to_string(),
        destination(message).to_string(),
        message
            .event_type
            .clone()
            .unwrap_or_else(|| "(untyped)".to_owned()),
        message.plugin.name.to_string(),
        state,
    ]
}

/// Of those that the selection may be about.
pub(super) fn write_disabled(
    selection: &MessageSelection,
    disabled: &AllDisabled,
    out: &mut dyn Write,
) -> io::Result<()> {
    let MessageSelection {
        tenant,
        destination,
        ..
    } = selection;
    let is_meant = |of: &DestinationRef| {
        tenant.as_ref().is_none_or(|tenant| *tenant == of.tenant)
            && destination.as_ref().is_none_or(|name| *name == of.name)
    };
    for DisabledDestination {
        destination,
        reason,
        since,
    } in disabled.values().filter(|one| is_meant(&one.destination))
    {
        let way_out = format!("`hookyard outbox enable {destination}` ends that");
        writeln!(
            out,
            "{destination} is sent nothing since {since}: {}; {way_out}",
            visible(reason)
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hookyard_model::{Timestamp, WorkState};
    use hookyard_store::Predecessor;

    use super::*;

    fn message() -> MessageSummary {
        MessageSummary {
            id: "0197308f-0000-7000-8000-000000000002"
                .parse()
                .expect("an id"),
            plugin: hookyard_model::PluginRef {
                tenant: "acme".parse().expect("a name"),
                name: "offers".parse().expect("a name"),
            },
            event: "0197308f-0000-7000-8000-000000000001"
                .parse()
                .expect("an id"),
            destination: "partner".parse().expect("a name"),
            event_type: Some("offer.accepted".into()),
            created_at: Timestamp::from_unix_millis(1_780_400_200_250),
            state: WorkState::Waiting {
                until: Timestamp::from_unix_secs(1),
            },
            behind: None,
            deliveries: 2,
            last_result: Some("failed: it answered 503".into()),
            body_bytes: 36,
        }
    }

    fn disabled() -> AllDisabled {
        let destination = destination(&message());
        let since = Timestamp::from_unix_secs(1_780_400_300);
        [(
            destination.clone(),
            DisabledDestination {
                destination,
                reason: "it answered 410".into(),
                since,
            },
        )]
        .into()
    }

    #[test]
    fn a_row_says_where_a_message_stands() {
        assert_eq!(
            row("0197308f".to_owned(), &message()).join("|"),
            "0197308f|2026-06-02T11:36:40.250Z|acme/partner|offer.accepted|offers|\
             waiting until 1970-01-01T00:00:01.000Z after 2 (failed: it answered 503)"
        );
        let behind = Some(Predecessor {
            id: message().id,
            state: message().state,
        });
        let state = WorkState::Pending;
        let fresh = MessageSummary {
            state,
            behind,
            deliveries: 0,
            last_result: None,
            event_type: None,
            ..message()
        };
        let told = "pending behind 0197308f-0000-7000-8000-000000000002, which is waiting until 1970-01-01T00:00:01.000Z";
        assert_eq!(
            row(String::new(), &fresh)[3..],
            ["(untyped)", "offers", told]
        );
    }

    #[test]
    fn machines_are_told_all_of_it() {
        let told = serde_json::to_value(Line::of(&message(), &disabled())).expect("JSON");
        assert_eq!(
            (&told["tenant"], &told["destination"]),
            (&"acme".into(), &"partner".into())
        );
        assert_eq!(
            (&told["type"], &told["attempts"]),
            (&"offer.accepted".into(), &2.into())
        );
        assert_eq!(told["disabled"], "it answered 410");
        let told = serde_json::to_value(Line::of(&message(), &AllDisabled::new())).expect("JSON");
        assert!(told["disabled"].is_null());
    }

    #[test]
    fn a_disabled_destination_is_named_with_the_way_out() {
        let told = |selection: MessageSelection| {
            let mut out = Vec::new();
            write_disabled(&selection, &disabled(), &mut out).expect("written");
            String::from_utf8(out).expect("text")
        };
        assert_eq!(
            told(MessageSelection::default()),
            "acme/partner is sent nothing since 2026-06-02T11:38:20.000Z: it answered 410; \
             `hookyard outbox enable acme/partner` ends that\n"
        );
        let other = MessageSelection {
            tenant: Some("umbrella".parse().expect("a name")),
            ..Default::default()
        };
        assert_eq!(told(other), "");
    }
}
