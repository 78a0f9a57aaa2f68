//! `hookyard refused show`: prints one refused request.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, anyhow};
use clap::Args;
use hookyard_model::{RefusedRequest, visible};
use hookyard_store::{RefusedRequests, RefusedSummary};
use serde::Serialize;

use crate::cli::Failure;
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::text::{self, Body};
use crate::cli::shared::{StoreAccess, UNREADABLE, ids};
use crate::output;

/// The arguments of `hookyard refused show`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The id of the request, or its first digits
    id: IdPrefix,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Shows one refused request.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let store = StoreAccess::read_only(path)?.store;
    let id = ids::find::<RefusedSummary>(&store, &arguments.id).await?;
    let request = store.refused_request(id).await.context(UNREADABLE)?;
    let request = request.ok_or_else(|| anyhow!("no refused request {id} is stored"))?;

    let shown = Shown::of(&request);
    if arguments.json {
        let json = serde_json::to_string(&shown).context("cannot write the request as JSON")?;
        output::line(json)
    } else {
        output::text(shown.as_text())
    }
}

/// A refused request as JSON.
#[derive(Serialize)]
struct Shown<'r> {
    id: String,
    tenant: &'r str,
    source: &'r str,
    provider: &'r str,
    received_at: String,
    peer: &'r str,
    status: u16,
    reason: &'r str,
    detail: &'r str,
    redacted: &'r [String],
    method: &'r str,
    path: &'r str,
    query: Option<&'r str>,
    headers: Vec<(&'r str, Cow<'r, str>)>,
    #[serde(flatten)]
    body: Body<'r>,
}

impl<'r> Shown<'r> {
    fn of(request: &'r RefusedRequest) -> Self {
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
            redacted: &request.redacted,
            method: &request.method,
            path: &request.path,
            query: request.query.as_deref(),
            headers: text::headers(&request.headers),
            body: Body::of(&request.body),
        }
    }

    fn as_text(&self) -> String {
        let mut out = String::new();
        let Self { tenant, source, .. } = self;
        let source = format!("{tenant}/{source}, {}", self.provider);
        let reason = format!("{} {}: {}", self.status, self.reason, self.detail);
        let redacted = self.redacted.join(", ");

        let mut fields = vec![
            ("refused", self.id.as_str()),
            ("source", &source),
            ("received", &self.received_at),
            ("peer", self.peer),
            ("reason", &reason),
        ];
        if !redacted.is_empty() {
            fields.push(("redacted", &redacted));
        }
        text::write_fields(&fields, &mut out);

        let query = self.query.map(|query| format!("?{query}"));
        let target = format!("{}{}", self.path, query.unwrap_or_default());
        let _ = writeln!(out, "\n{} {}", visible(self.method), visible(&target));
        text::write_headers(&self.headers, "  ", &mut out);
        out.push('\n');
        self.body.write("body", "", &mut out);
        let _ = writeln!(
            out,
            "\n`hookyard try --refused {}` explains the refusal",
            self.id
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hookyard_model::{Header, SourceRef, Timestamp};

    use super::*;

    #[test]
    fn refused_request_is_shown_as_it_came() {
        let request = RefusedRequest {
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
            reason: "wrong-credential".to_owned(),
            detail: "the token is wrong".to_owned(),
            method: "POST".to_owned(),
            path: "/acme/payments".to_owned(),
            query: Some("token=redacted".to_owned()),
            headers: vec![Header {
                name: "x-a".to_owned(),
                value: Bytes::from_static(b"\x1b[1m"),
            }],
            body: Bytes::from_static(b"{}"),
            redacted: vec!["the parameter `token` of the query".to_owned()],
        };
        assert_eq!(
            Shown::of(&request).as_text(),
            "refused    0197308f-0000-7000-8000-000000000001\n\
             source     acme/payments, topper\n\
             received   2026-06-02T11:36:40.250Z\n\
             peer       192.0.2.1:4711\n\
             reason     401 wrong-credential: the token is wrong\n\
             redacted   the parameter `token` of the query\n\
             \nPOST /acme/payments?token=redacted\n  x-a: \\u{1b}[1m\n\
             \nbody (2 bytes)\n  {}\n\
             \n`hookyard try --refused 0197308f-0000-7000-8000-000000000001` explains the refusal\n"
        );
    }
}
