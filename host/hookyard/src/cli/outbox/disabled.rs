//! The disabled destinations. Nothing is delivered to them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context;
use hookyard_model::{DestinationRef, visible};
use hookyard_store::{DisabledDestination, MessageSelection, MessageSummary, Outbox};
use hookyard_store_sqlite::SqliteStore;

use crate::cli::Failure;
use crate::cli::shared::UNREADABLE;
use crate::output;

/// The disabled destinations of all tenants.
#[derive(Default)]
pub(super) struct DisabledDestinations(BTreeMap<DestinationRef, DisabledDestination>);

impl DisabledDestinations {
    /// Reads the disabled destinations from the store.
    pub(super) async fn read(store: &SqliteStore) -> anyhow::Result<Self> {
        let disabled = store.disabled().await.context(UNREADABLE)?;
        Ok(disabled.into_iter().collect())
    }

    /// Returns the reason why a destination is disabled, if it is.
    pub(super) fn reason(&self, destination: &DestinationRef) -> Option<&str> {
        let disabled = self.0.get(destination)?;
        Some(&disabled.reason)
    }

    /// Keeps only the destinations for which `is_kept` returns `true`.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&DestinationRef) -> bool) {
        self.0.retain(|destination, _| is_kept(destination));
    }

    /// Prints a line about each destination that the selection may match.
    pub(super) fn report(&self, selection: &MessageSelection) -> Result<(), Failure> {
        output::text(self.as_text(selection))
    }

    fn as_text(&self, selection: &MessageSelection) -> String {
        let MessageSelection {
            tenant,
            destination: name,
            ..
        } = selection;
        let mut out = String::new();

        for disabled in self.0.values() {
            let DisabledDestination {
                destination,
                reason,
                since,
            } = disabled;
            if tenant
                .as_ref()
                .is_none_or(|tenant| *tenant == destination.tenant)
                && name.as_ref().is_none_or(|name| *name == destination.name)
            {
                let reason = visible(reason);
                let _ = writeln!(
                    out,
                    "{destination} is disabled since {since}: {reason}; \
                     `hookyard outbox enable {destination}` enables it again"
                );
            }
        }
        out
    }
}

impl FromIterator<DisabledDestination> for DisabledDestinations {
    fn from_iter<I: IntoIterator<Item = DisabledDestination>>(disabled: I) -> Self {
        let by_destination = disabled
            .into_iter()
            .map(|disabled| (disabled.destination.clone(), disabled));
        Self(by_destination.collect())
    }
}

/// Returns the destination of a message.
pub(super) fn destination(message: &MessageSummary) -> DestinationRef {
    DestinationRef {
        tenant: message.plugin.tenant.clone(),
        name: message.destination.clone(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use hookyard_model::{PluginRef, Timestamp, WorkState};

    use super::*;

    pub(in crate::cli::outbox) fn message() -> MessageSummary {
        MessageSummary {
            id: "0197308f-0000-7000-8000-000000000002"
                .parse()
                .expect("an id"),
            plugin: PluginRef {
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
            ended_at: None,
            body_bytes: 36,
        }
    }

    /// The destination of [`message`], disabled.
    pub(in crate::cli::outbox) fn disabled() -> DisabledDestinations {
        let disabled = DisabledDestination {
            destination: destination(&message()),
            reason: "it answered 410".into(),
            since: Timestamp::from_unix_secs(1_780_400_300),
        };
        [disabled].into_iter().collect()
    }

    #[test]
    fn disabled_destination_is_reported_with_the_way_out() {
        assert_eq!(
            disabled().as_text(&MessageSelection::default()),
            "acme/partner is disabled since 2026-06-02T11:38:20.000Z: it answered 410; \
             `hookyard outbox enable acme/partner` enables it again\n"
        );
        let other_tenant = MessageSelection {
            tenant: Some("umbrella".parse().expect("a name")),
            ..MessageSelection::default()
        };
        assert_eq!(disabled().as_text(&other_tenant), "");
    }
}
