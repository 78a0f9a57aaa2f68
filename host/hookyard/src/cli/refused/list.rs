//! `hookyard refused list`: lists refused requests.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use hookyard_config::Settings;
use hookyard_model::{Clock, SourceName, TenantName, Timestamp};
use hookyard_store::{RefusedSelection, RefusedSummary};
use serde::Serialize;

use crate::cli::Failure;
use crate::cli::shared::StoreAccess;
use crate::cli::shared::filters::{Moment, QualifiedName, only_tenant};
use crate::cli::shared::list::{Format, List, ListOptions, write_json};
use crate::clock::SystemClock;
use crate::output;

/// The arguments of `hookyard refused list`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: ListOptions,
    #[command(flatten)]
    filters: Filters,
}

/// The filters on refused requests. A filter that is not given excludes nothing.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
struct Filters {
    /// Only this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<TenantName>,
    /// Only this source, as name or tenant/name
    #[arg(long, value_name = "NAME")]
    source: Option<QualifiedName<SourceName>>,
    /// Only this reason, such as bad-signature
    #[arg(long, value_name = "NAME")]
    reason: Option<String>,
    /// Only at or after this time: 2026-06-02T11:30:00Z, or 90m, 2h or 7d for that long ago
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
}

impl Filters {
    /// Returns the selection at the time `now`.
    ///
    /// # Errors
    ///
    /// Fails if the filters name different tenants.
    fn selection(self, now: Timestamp) -> Result<RefusedSelection, Failure> {
        let (source_tenant, source) = match self.source {
            Some(QualifiedName { tenant, name }) => (tenant, Some(name)),
            None => (None, None),
        };
        let tenants = [self.tenant, source_tenant];
        Ok(RefusedSelection {
            tenant: only_tenant("refused request", tenants.into_iter().flatten())?,
            source,
            reason: self.reason,
            since: self.since.map(|moment| moment.at(now)),
            until: self.until.map(|moment| moment.at(now)),
            ..RefusedSelection::default()
        })
    }
}

/// Lists the refused requests that match the filters.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let selection = arguments.filters.selection(SystemClock.now())?;
    let access = StoreAccess::read_only(path)?;
    if !is_kept(&access.settings, &selection) {
        output::error(
            "no refused requests are kept for these sources; set `refused_kept` in [ingress] or in \
             a source",
        );
    }

    let list = List::<RefusedSummary, _> {
        store: &access.store,
        selection: &selection,
        format: &RefusedFormat,
        options: arguments.options,
    };
    list.write().await
}

/// Returns whether a source that the selection may name keeps refused requests.
fn is_kept(settings: &Settings, selection: &RefusedSelection) -> bool {
    let limits = settings.refused_limits();
    limits.by_source.keys().any(|source| {
        selection
            .tenant
            .as_ref()
            .is_none_or(|tenant| *tenant == source.tenant)
            && selection
                .source
                .as_ref()
                .is_none_or(|name| *name == source.name)
    })
}

struct RefusedFormat;

impl Format<RefusedSummary> for RefusedFormat {
    const HEADER: [&'static str; 6] = ["ID", "RECEIVED", "SOURCE", "REASON", "PEER", "DETAIL"];

    fn row(&self, id: String, request: &RefusedSummary) -> [String; 6] {
        [
            id,
            request.received_at.to_string(),
            request.source.to_string(),
            request.reason.clone(),
            request.peer.clone(),
            request.detail.clone(),
        ]
    }

    fn write_json(&self, request: &RefusedSummary, out: &mut dyn Write) -> io::Result<()> {
        write_json(&Line::of(request), out)
    }
}

/// A refused request as JSON.
#[derive(Serialize)]
struct Line<'r> {
    id: String,
    tenant: &'r str,
    source: &'r str,
    provider: &'r str,
    received_at: String,
    peer: &'r str,
    status: u16,
    reason: &'r str,
    detail: &'r str,
    bytes: u64,
}

impl<'r> Line<'r> {
    fn of(request: &'r RefusedSummary) -> Self {
        Self {
            id: request.id.to_string(),
            tenant: request.source.tenant.as_str(),
            source: request.source.name.as_str(),
            provider: &request.provider,
            received_at: request.received_at.to_string(),
            peer: &request.peer,
            status: request.status,
            reason: &request.reason,
            detail: &request.detail,
            bytes: request.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use hookyard_model::SourceRef;

    use super::*;

    #[test]
    fn refused_request_is_a_row_and_a_line() {
        let request = RefusedSummary {
            id: "0197308f-0000-7000-8000-000000000001"
                .parse()
                .expect("an id"),
            source: SourceRef {
                tenant: "acme".parse().expect("a name"),
                name: "payments".parse().expect("a name"),
            },
            provider: "topper".to_owned(),
            received_at: Timestamp::from_unix_millis(1_780_400_200_250),
            peer: "192.0.2.1:4711".to_owned(),
            status: 401,
            reason: "bad-signature".to_owned(),
            detail: "the request was not verified: no signature is valid".to_owned(),
            bytes: 77,
        };
        assert_eq!(
            RefusedFormat.row("0197308f".to_owned(), &request).join("|"),
            "0197308f|2026-06-02T11:36:40.250Z|acme/payments|bad-signature|192.0.2.1:4711|the \
             request was not verified: no signature is valid"
        );
        assert_eq!(
            serde_json::to_string(&Line::of(&request)).expect("JSON"),
            "{\"id\":\"0197308f-0000-7000-8000-000000000001\",\"tenant\":\"acme\",\"source\":\
             \"payments\",\"provider\":\"topper\",\"received_at\":\"2026-06-02T11:36:40.250Z\",\
             \"peer\":\"192.0.2.1:4711\",\"status\":401,\"reason\":\"bad-signature\",\"detail\":\
             \"the request was not verified: no signature is valid\",\"bytes\":77}"
        );
    }
}
