//! `hookyard try`: verifies a request as a source does, without storing anything, and explains the
//! result step by step.
//!
//! The configuration alone is read: no host has to run, and nothing is fetched. Secrets are never
//! printed.

mod captured;
mod explained;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use hookyard_config::{self as config, Settings, Source};
use hookyard_model::{Clock, EventId, RefusedId, SourceName, SourceRef, TenantName, Timestamp};
use hookyard_schemes::diagnose::{Question, diagnose};
use hookyard_store::{EventSummary, Events, RefusedRequests, RefusedSummary};
use hookyard_store_sqlite::SqliteStore;

use self::captured::Captured;
use self::explained::{Explained, Origin};
use crate::cli::Failure;
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::{UNREADABLE, ids};
use crate::clock::SystemClock;
use crate::output;

/// The maximum size of a request that is read, in bytes.
const REQUEST_BYTES_MAX: u64 = 64 << 20;

/// The arguments of `hookyard try`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The source, as tenant/source
    #[arg(value_name = "SOURCE", value_parser = source_ref, required_unless_present_any = ["event", "refused"])]
    source: Option<SourceRef>,
    /// The file with the request as it was sent: the request line, the headers, an empty line and
    /// the body; default: standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["event", "refused"])]
    file: Option<PathBuf>,
    /// A stored event, by its id or its first digits, in place of a request
    #[arg(long, value_name = "ID")]
    event: Option<IdPrefix>,
    /// A kept refused request, by its id or its first digits, in place of a request
    #[arg(long, value_name = "ID", conflicts_with = "event")]
    refused: Option<IdPrefix>,
    /// The time at which the request arrived, in RFC 3339; default: now
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["event", "refused"])]
    at: Option<Timestamp>,
    /// Print all of the bytes that are signed, in place of their beginning
    #[arg(long)]
    show: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

fn source_ref(text: &str) -> Result<SourceRef, String> {
    let (tenant, name) = text
        .trim_start_matches('/')
        .split_once('/')
        .ok_or("must be a tenant and a source, such as acme/orders")?;
    Ok(SourceRef {
        tenant: TenantName::new(tenant).map_err(|error| error.to_string())?,
        name: SourceName::new(name).map_err(|error| error.to_string())?,
    })
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| "must be a time in RFC 3339, such as 2026-06-02T11:36:40Z".to_owned())
}

/// Explains one request. A request that the source would refuse is a failure.
pub(crate) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let tried = tried(&settings, &arguments).await?;
    let source = settings.sources.get(&tried.source).ok_or_else(|| {
        let known: Vec<_> = settings.sources.keys().map(ToString::to_string).collect();
        Failure::Arguments(format!(
            "no source {} is configured; the sources are {}",
            tried.source,
            known.join(", ")
        ))
    })?;

    let explained = explain(&settings, source, &tried, arguments.show)?;
    if arguments.json {
        let json = serde_json::to_string(&explained).context("cannot write the result as JSON")?;
        output::line(json)?;
    } else {
        output::text(explained.as_text())?;
    }
    if explained.is_accepted() {
        Ok(())
    } else {
        Err(Failure::Reported)
    }
}

/// The request that is tried.
struct Tried {
    source: SourceRef,
    request: Captured,
    origin: Origin,
    now: Timestamp,
}

async fn tried(settings: &Settings, arguments: &Arguments) -> Result<Tried, Failure> {
    let open = || SqliteStore::open_read_only(&settings.store.url).map_err(anyhow::Error::from);
    if let Some(id) = &arguments.event {
        let store = open()?;
        let id = ids::find::<EventSummary>(&store, id).await?;
        return stored(&store, id, arguments.source.clone()).await;
    }
    if let Some(id) = &arguments.refused {
        let store = open()?;
        let id = ids::find::<RefusedSummary>(&store, id).await?;
        return refused(&store, id, arguments.source.clone()).await;
    }

    let bytes = match &arguments.file {
        Some(path) => File::open(path)
            .and_then(bounded)
            .with_context(|| format!("cannot read {}", path.display()))?,
        None => bounded(io::stdin().lock()).context("cannot read standard input")?,
    };
    let source = arguments.source.clone();
    let source = source.ok_or_else(|| Failure::Arguments("name a source".to_owned()))?;
    let mut request = Captured::parse(&bytes).map_err(Failure::Arguments)?;
    request.note_other_path(&source);
    Ok(Tried {
        source,
        request,
        origin: Origin::Given,
        now: arguments.at.unwrap_or_else(|| SystemClock.now()),
    })
}

/// Reads a request completely, up to the maximum size.
fn bounded(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(REQUEST_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > REQUEST_BYTES_MAX {
        return Err(io::Error::other(format!(
            "the request is larger than {REQUEST_BYTES_MAX} bytes"
        )));
    }
    Ok(bytes)
}

/// Returns a stored event as the request that it was, as far as it is stored.
async fn stored(
    store: &SqliteStore,
    id: EventId,
    source: Option<SourceRef>,
) -> Result<Tried, Failure> {
    let record = store.read(id).await.context(UNREADABLE)?;
    let event = record
        .ok_or_else(|| anyhow!("no event {id} is stored"))?
        .event;
    let source = source.unwrap_or(event.source);
    Ok(Tried {
        request: Captured::stored(format!("/{source}"), event.headers, event.body.to_vec()),
        source,
        origin: Origin::Stored,
        now: event.received_at,
    })
}

/// Returns a refused request as it was kept.
async fn refused(
    store: &SqliteStore,
    id: RefusedId,
    source: Option<SourceRef>,
) -> Result<Tried, Failure> {
    let request = store.refused_request(id).await.context(UNREADABLE)?;
    let request = request.ok_or_else(|| anyhow!("no refused request {id} is stored"))?;
    Ok(Tried {
        source: source.unwrap_or_else(|| request.source.clone()),
        origin: Origin::Refused,
        now: request.received_at,
        request: Captured::refused(request),
    })
}

fn explain<'t>(
    settings: &Settings,
    source: &'t Source,
    tried: &'t Tried,
    show_all: bool,
) -> Result<Explained<'t>, Failure> {
    let others = settings.sources.iter();
    let others: Vec<_> = others
        .filter(|(name, _)| **name != tried.source)
        .map(|(name, source)| (name.to_string(), &source.scheme))
        .collect();

    let request = tried.request.for_source(&tried.source);
    let question = Question {
        scheme: &source.scheme,
        request,
        documents: &(),
        now: tried.now,
        others: &others,
    };
    let diagnosis = diagnose(&question).map_err(anyhow::Error::from)?;
    Ok(Explained::new(tried, source, request, diagnosis, show_all))
}
