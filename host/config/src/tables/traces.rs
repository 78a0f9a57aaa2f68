//! The `[traces]` table: which traces of events the host records, and where it sends them.

use hookyard_model::{SourceName, TenantName};
use hookyard_schemes::{Secret, SecretUse, check_secret};
use hookyard_trace::Rule;
use http::Uri;

use crate::document::{Entry, Section, ShareOfEvents, unknown};
use crate::references::Resolver;
use crate::settings::{TraceProtocol, Traces};

/// Reads the table.
pub fn read(section: &Section<'_>, resolver: &Resolver<'_>) -> Traces {
    let default = Traces::default();
    let endpoint = section.entry("endpoint");
    let rules = section.entry("rules").map_or(default.rules, |entry| {
        entry.items().iter().filter_map(rule).collect()
    });
    Traces {
        endpoint: endpoint.and_then(|entry| url(&entry)),
        protocol: section
            .entry("protocol")
            .and_then(|entry| protocol(&entry))
            .unwrap_or(default.protocol),
        headers: section.table("headers", |headers| {
            let mut read = Vec::new();
            headers.each(|name, entry| read.extend(header(name, &entry, resolver)));
            read
        }),
        timeout: section.get_or("timeout", default.timeout),
        sample: section.get_or("sample", ShareOfEvents(default.sample)).0,
        rules,
    }
}

fn url(entry: &Entry<'_>) -> Option<String> {
    let text = entry.get::<String>()?;
    let is_url = text.parse::<Uri>().is_ok_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some()
    });
    if !is_url {
        entry.fault("must be the URL of a collector, such as \"http://127.0.0.1:4317\"");
    }
    is_url.then_some(text)
}

fn protocol(entry: &Entry<'_>) -> Option<TraceProtocol> {
    let name = entry.get::<String>()?;
    match name.as_str() {
        "grpc" => Some(TraceProtocol::Grpc),
        "http" => Some(TraceProtocol::Http),
        _ => {
            let message = unknown("protocol", &name, ["grpc", "http"]);
            entry.fault(format_args!("{message} (must be \"grpc\" or \"http\")"));
            None
        }
    }
}

fn header(name: &str, entry: &Entry<'_>, resolver: &Resolver<'_>) -> Option<(String, Secret)> {
    if name.parse::<http::HeaderName>().is_err() {
        entry.fault("is not the name of a header");
        return None;
    }
    let judge = |bytes: &[u8]| check_secret(bytes, SecretUse::Header);
    let value = resolver.secret(entry, &judge)?;
    Some((name.to_ascii_lowercase(), Secret::new(value)))
}

/// Reads a rule. A source is named with its tenant.
fn rule(entry: &Entry<'_>) -> Option<Rule> {
    entry.table(|section| {
        let source = section.entry("source").map(|entry| source(&entry));
        let share = section.require::<ShareOfEvents>(
            "sample",
            "the share of the events that the rule matches, such as \"100%\"",
        );
        let tenant = section.get::<TenantName>("tenant");
        let is_sampled_by_sender = section.get_or("sampled_by_sender", false);

        let (tenant, source) = match source {
            None => (tenant, None),
            Some(named) => {
                section.refuse(&["tenant"], "the source names the tenant already");
                let (tenant, source) = named?;
                (Some(tenant), Some(source))
            }
        };
        Some(Rule {
            tenant,
            source,
            is_sampled_by_sender,
            share: share?.0,
        })
    })
}

fn source(entry: &Entry<'_>) -> Option<(TenantName, SourceName)> {
    let text = entry.get::<String>()?;
    let names = text
        .split_once('/')
        .and_then(|(tenant, source)| Some((tenant.parse().ok()?, source.parse().ok()?)));
    if names.is_none() {
        entry.fault("must be a source, as \"tenant/source\"");
    }
    names
}
