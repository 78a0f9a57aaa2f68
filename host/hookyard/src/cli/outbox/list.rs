//! `hookyard outbox list`: lists messages with their states, and the disabled destinations.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use hookyard_model::Clock;
use hookyard_store::MessageSummary;
use serde::Serialize;

use super::disabled::{DisabledDestinations, destination};
use super::filters::Filters;
use crate::cli::Failure;
use crate::cli::shared::StoreAccess;
use crate::cli::shared::list::{Format, List, ListOptions, write_json};
use crate::cli::shared::text::Status;
use crate::clock::SystemClock;

/// The arguments of `hookyard outbox list`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: ListOptions,
    #[command(flatten)]
    filters: Filters,
}

/// Lists the messages that match the filters.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { options, filters } = arguments;
    let access = StoreAccess::read_only(path)?;
    let selection = filters.selection(SystemClock.now(), &access.store).await?;
    access.check_message_names(&selection).await?;
    let disabled = DisabledDestinations::read(&access.store).await?;

    let format = MessageFormat { disabled };
    let list = List::<MessageSummary, _> {
        store: &access.store,
        selection: &selection,
        format: &format,
        options,
    };
    list.write().await?;

    if !options.json {
        format.disabled.report(&selection)?;
    }
    Ok(())
}

struct MessageFormat {
    disabled: DisabledDestinations,
}

impl Format<MessageSummary> for MessageFormat {
    const HEADER: [&'static str; 6] = ["ID", "COMMITTED", "DESTINATION", "TYPE", "PLUGIN", "STATE"];

    fn row(&self, id: String, message: &MessageSummary) -> [String; 6] {
        let event_type = message.event_type.as_deref().unwrap_or("(untyped)");

        [
            id,
            message.created_at.to_string(),
            destination(message).to_string(),
            event_type.to_owned(),
            message.plugin.name.to_string(),
            status_as_text(message),
        ]
    }

    fn write_json(&self, message: &MessageSummary, out: &mut dyn Write) -> io::Result<()> {
        write_json(&Line::of(message, &self.disabled), out)
    }
}

/// A message as JSON.
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
    #[serde(flatten)]
    status: Status,
    deliveries: u32,
    last_result: Option<&'m str>,
    /// The size of the body.
    bytes: u64,
    /// The reason why the destination is disabled, if it is.
    disabled: Option<&'m str>,
}

impl<'m> Line<'m> {
    fn of(message: &'m MessageSummary, disabled: &'m DisabledDestinations) -> Self {
        Self {
            id: message.id.to_string(),
            tenant: message.plugin.tenant.as_str(),
            destination: message.destination.as_str(),
            plugin: message.plugin.name.as_str(),
            event: message.event.to_string(),
            event_type: message.event_type.as_deref(),
            committed_at: message.created_at.to_string(),
            status: Status::of(message.state, message.behind.as_ref()),
            deliveries: message.deliveries,
            last_result: message.last_result.as_deref(),
            bytes: message.body_bytes,
            disabled: disabled.reason(&destination(message)),
        }
    }
}

/// Returns the status of a message, the number of its deliveries, and the result of the last one.
fn status_as_text(message: &MessageSummary) -> String {
    let status = Status::of(message.state, message.behind.as_ref());

    match (message.deliveries, &message.last_result) {
        (0, None) => status.to_string(),
        (number, None) => format!("{status}, delivery {number}"),
        (deliveries, Some(result)) => format!("{status} after {deliveries} ({result})"),
    }
}

#[cfg(test)]
mod tests {
    use hookyard_model::WorkState;
    use hookyard_store::Predecessor;

    use super::*;
    use crate::cli::outbox::disabled::tests::{disabled, message};

    fn row(id: &str, message: &MessageSummary) -> [String; 6] {
        let format = MessageFormat {
            disabled: disabled(),
        };
        format.row(id.to_owned(), message)
    }

    #[test]
    fn table_row_of_a_message() {
        assert_eq!(
            row("0197308f", &message()).join("|"),
            "0197308f|2026-06-02T11:36:40.250Z|acme/partner|offer.accepted|offers|\
             waiting until 1970-01-01T00:00:01.000Z after 2 (failed: it answered 503)"
        );
    }

    #[test]
    fn table_row_of_a_blocked_message() {
        let message = MessageSummary {
            state: WorkState::Pending,
            behind: Some(Predecessor {
                id: message().id,
                state: message().state,
            }),
            deliveries: 0,
            last_result: None,
            event_type: None,
            ..message()
        };

        let status = "pending behind 0197308f-0000-7000-8000-000000000002, \
                      which is waiting until 1970-01-01T00:00:01.000Z";
        assert_eq!(row("", &message)[3..], ["(untyped)", "offers", status]);
    }

    #[test]
    fn json_line_of_a_message() {
        let json = |disabled: &DisabledDestinations| {
            serde_json::to_value(Line::of(&message(), disabled)).expect("JSON")
        };

        let line = json(&disabled());
        assert_eq!(line["tenant"], "acme");
        assert_eq!(line["destination"], "partner");
        assert_eq!(line["type"], "offer.accepted");
        assert_eq!(line["deliveries"], 2);
        assert_eq!(line["disabled"], "it answered 410");
        assert!(json(&DisabledDestinations::default())["disabled"].is_null());
    }
}
