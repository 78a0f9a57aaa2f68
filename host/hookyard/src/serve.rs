//! `hookyard serve`: builds every part, runs them side by side, and ends them in order.
//!
//! Ingress, dispatch and delivery are given the same store and nothing of each other (invariant 4).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use hookyard_delivery::Deliverer;
use hookyard_dispatch::{Dispatcher, RetryPolicies};
use hookyard_egress::{Client, Door, Policy};
use hookyard_ingress::Bound;
use hookyard_model::SourceRef;
use hookyard_plugin::{Apart, Catalog, Compiling, Engine};
use hookyard_store::Inbox;
use hookyard_store_sqlite::{Options, SqliteInbox};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::admin;
use crate::admin::metrics::Metrics;
use crate::certificates::CertificateFile;
use crate::cli::Failure;
use crate::delivery;
use crate::reload::{Handles, Reload};
use crate::retention::Retaining;
use crate::signals::Signals;
use crate::stop::Stop;
use crate::system::{Fetcher, SystemClock, event_id, message_id};
use crate::unserved::Unserved;
use hookyard_config::document::Fault;
use hookyard_config::files;
use hookyard_config::{self as config, Settings};
use hookyard_plugin_http::Requests;
use hookyard_release::rehearsal::Material;
use hookyard_release::{Desired, Keeper, Trials};

/// All parts, each ready and none running.
struct Parts {
    admin: admin::Bound,
    ingress: Bound,
    dispatcher: Dispatcher,
    deliverer: Deliverer,
    releases: Keeper,
    retaining: Retaining,
    unserved: Unserved,
    reload: Reload,
}

/// Serves until a signal ends it. What blocks at the start holds up no signal.
pub(crate) async fn serve(path: &Path) -> Result<(), Failure> {
    let Signals { stop, reload } = Signals::listen().context("signals can't be listened for")?;
    let starting = tokio::spawn(start(path.to_owned(), reload, stop.clone()));
    let parts = tokio::select! {
        parts = starting => parts.context("the start failed")??,
        signal = stop.asked() => {
            tracing::info!(target: "hookyard::serve", signal, "ended before anything was served");
            return Ok(());
        }
    };
    Ok(run(parts, stop).await?)
}

async fn start(path: PathBuf, reload: Arc<Notify>, stop: Stop) -> Result<Parts, Failure> {
    let read = path.clone();
    let reading = tokio::task::spawn_blocking(move || config::read(&read))
        .await
        .context("no configuration was read")?;
    let settings = reading.result?;
    warn_of(&reading.notes);
    stop.set_shutdown_timeout(settings.shutdown_timeout);
    Ok(build(path, settings, reading.files, reload).await?)
}

async fn build(
    path: PathBuf,
    settings: Settings,
    named: BTreeSet<PathBuf>,
    asked: Arc<Notify>,
) -> anyhow::Result<Parts> {
    let folder = settings.plugins.folder.clone();
    let listed = tokio::task::spawn_blocking(move || files::names(&folder, &folder, 1)).await?;
    listed.with_context(|| hookyard_release::unreadable(&settings.plugins.folder))?;
    let revisions = settings.plugins.revisions.clone();
    let is_own =
        tokio::task::spawn_blocking(move || hookyard_private::trusted_folder(&revisions)).await?;
    is_own.with_context(|| {
        let folder = settings.plugins.revisions.display();
        format!("the folder for kept revisions, {folder}, can't be used; mend it, or name another one by `revisions` in [plugins]")
    })?;
    let admin = admin::bind(&settings.admin, Metrics::start()?).await?;
    let inbox = open_inbox(&settings).await?;
    let engine = Engine::new(engine_config(&settings))?;
    // The one door out; whatever asks for something outside is handed a clone.
    let door = Door::new(settings.egress.door.clone())?;
    let catalog = Arc::new(Catalog::new(hookyard_plugin::Parts {
        values: inbox.clone(),
        message_ids: Arc::new(message_id),
        http: Arc::new(Requests(door.clone())),
        stage: None,
    }));
    let ingress = bind(&settings, inbox.clone(), door.clone()).await?;
    let trials = Arc::new(Trials::new(
        Arc::new(SystemClock),
        settings.release.rollback,
    ));
    let dispatch = dispatch_config(&settings, inbox.clone(), Arc::clone(&catalog));
    let dispatcher = Dispatcher::new(hookyard_dispatch::Config {
        probation: trials.clone(),
        ..dispatch
    });
    let deliverer = Deliverer::new(delivery::config(&settings, inbox.clone(), door));
    let (retaining, retention) = Retaining::new(
        inbox.clone(),
        Arc::new(SystemClock),
        settings.retention.clone(),
    );
    let (unserved, unserved_handle) =
        Unserved::new(inbox.clone(), settings.sources.keys().cloned().collect());
    let clock = Arc::new(SystemClock);
    let material = Material {
        values: inbox.clone(),
        recent: inbox.clone(),
    };
    let parts = hookyard_release::Parts {
        engine,
        catalog,
        inbox: inbox.clone(),
        releases: inbox,
        trials,
        clock,
        material,
    };
    let releases = Keeper::new(parts, Desired::from(&settings));
    introduce(&settings);
    let handles = Handles {
        ingress: ingress.handle(),
        dispatch: dispatcher.handle(),
        delivery: deliverer.handle(),
        releases: releases.handle(),
        retention,
        unserved: unserved_handle,
    };
    let reload = Reload::new(path, settings, named, handles, asked);
    Ok(Parts {
        admin,
        ingress,
        dispatcher,
        deliverer,
        releases,
        retaining,
        unserved,
        reload,
    })
}

async fn open_inbox(settings: &Settings) -> anyhow::Result<Arc<SqliteInbox>> {
    let path = settings.store.url.clone();
    let inbox =
        tokio::task::spawn_blocking(move || SqliteInbox::open(&path, Options::default())).await??;
    Ok(Arc::new(inbox))
}

/// The engine that a configuration asks for.
fn engine_config(settings: &Settings) -> hookyard_plugin::Config {
    hookyard_plugin::Config {
        cache_folder: Some(settings.plugins.cache.clone()),
        instances_max: settings.dispatch.concurrency_max,
        ..hookyard_plugin::Config::new(Arc::new(SystemClock), compiling(&settings.plugins.compile))
    }
}

/// The engine of a command that serves nothing. It uses the host's compiled code where there is some, makes no folder, and
/// does without where the folder can't be used.
pub(crate) fn passing_engine(settings: &Settings) -> Result<Arc<Engine>, hookyard_plugin::Error> {
    let config = engine_config(settings);
    let with_cache = |cache_folder| {
        Engine::new(hookyard_plugin::Config {
            cache_folder,
            ..config.clone()
        })
    };
    match with_cache(config.cache_folder.clone().filter(|folder| folder.is_dir())) {
        Err(hookyard_plugin::Error::CacheFolder { .. }) => with_cache(None),
        engine => engine,
    }
}

/// Each component is compiled by this very program, which stays the same even where its file is replaced.
fn compiling(compile: &config::settings::Compile) -> Compiling {
    Compiling::Apart(Apart {
        program: "/proc/self/exe".into(),
        arguments: vec!["compile-component".into()],
        limits: compile.limits,
        concurrency: compile.concurrency,
    })
}

async fn bind(settings: &Settings, inbox: Arc<dyn Inbox>, door: Door) -> anyhow::Result<Bound> {
    let policy = Policy {
        addresses: settings.egress.addresses.clone(),
        ..Policy::default()
    };
    let parts = hookyard_ingress::Parts {
        inbox,
        clock: Arc::new(SystemClock),
        event_ids: Arc::new(event_id),
        fetch: Arc::new(Fetcher(Client::new(door, policy))),
        certificates: Arc::new(CertificateFile::beside(&settings.store.url)),
    };
    Ok(hookyard_ingress::bind(settings.ingress.server.clone(), parts, sources(settings)).await?)
}

fn dispatch_config(
    settings: &Settings,
    inbox: Arc<dyn Inbox>,
    catalog: Arc<Catalog>,
) -> hookyard_dispatch::Config {
    hookyard_dispatch::Config {
        inbox,
        runner: catalog,
        clock: Arc::new(SystemClock),
        jitter: Arc::new(fastrand::f64),
        lease: settings.dispatch.lease,
        concurrency_max: settings.dispatch.concurrency_max,
        tenant_concurrency_max: settings.dispatch.tenant_concurrency_max,
        quarantine: settings.quarantine,
        probation: Arc::new(hookyard_dispatch::NoProbation),
        shutdown_timeout: settings.shutdown_timeout,
        policies: policies(settings),
    }
}

/// The sources as ingress takes them.
pub(crate) fn sources(settings: &Settings) -> hookyard_ingress::Sources {
    let source = |(name, source): (&SourceRef, &config::Source)| hookyard_ingress::Source {
        source: name.clone(),
        provider: Arc::clone(&source.provider),
        verifier: Arc::clone(&source.verifier),
        body_max: source.body_max,
        allow_http: source.allow_http,
        ordering: source.ordering.clone(),
        dedupe_window: source.dedupe_window,
    };
    settings.sources.iter().map(source).collect()
}

/// The retry policies as dispatch takes them.
pub(crate) fn policies(settings: &Settings) -> RetryPolicies {
    let by_source = settings
        .sources
        .iter()
        .map(|(name, source)| (name.clone(), source.retry.clone()))
        .collect();
    RetryPolicies {
        fallback: settings.retry.clone(),
        by_source,
    }
}

/// Names each source, and warns of those that anybody can send to.
fn introduce(settings: &Settings) {
    for (name, source) in &settings.sources {
        tracing::info!(target: "hookyard::config", source = %name, provider = source.provider.name, "source at POST /{name}");
        warn_if_unverified(name, source);
    }
    if settings.sources.is_empty() {
        tracing::warn!(target: "hookyard::config", "no source is configured: every request is answered with 404");
    }
}

/// Logs what is odd in the configuration and stops nothing.
pub(crate) fn warn_of(notes: &[Fault]) {
    for note in notes {
        tracing::warn!(target: "hookyard::config", "{note}");
    }
}

/// Says of a source without verification that it is one.
pub(crate) fn warn_if_unverified(name: &SourceRef, source: &config::Source) {
    if source.verifier.is_unverified() {
        tracing::warn!(target: "hookyard::config", source = %name, "source is unverified: anybody who can reach it can send events to it");
    }
}

/// Runs all parts until a signal comes, or until one of them ends by itself, which none should.
async fn run(parts: Parts, stop: Stop) -> anyhow::Result<()> {
    let ended = || {
        let stop = stop.clone();
        async move {
            stop.asked().await;
        }
    };
    let address = parts.ingress.address();
    let mut tasks = JoinSet::new();
    tracing::info!(target: "hookyard::admin", address = %parts.admin.address(), "metrics at GET /metrics");
    tasks.spawn(stop.clone().run("admin", parts.admin.run(ended())));
    tasks.spawn(stop.clone().run("ingress", parts.ingress.run(ended())));
    tasks.spawn(stop.clone().run("dispatch", parts.dispatcher.run(ended())));
    tasks.spawn(stop.clone().run("delivery", parts.deliverer.run(ended())));
    tasks.spawn(stop.clone().run("release", parts.releases.run(ended())));
    tasks.spawn(stop.clone().run("retention", parts.retaining.run(ended())));
    tasks.spawn(stop.clone().run("unserved", parts.unserved.run(ended())));
    tasks.spawn(stop.clone().run("reload", parts.reload.run(ended())));
    tracing::info!(target: "hookyard::serve", %address, "listening");
    let failed = tokio::select! {
        _ = stop.asked() => None,
        // A part that ends because it was asked to may be seen first.
        ended = tasks.join_next() => stop.ask("a part of the host that failed").then(|| broken(ended)),
    };
    if failed.is_none() {
        let signal = stop.asked().await;
        tracing::info!(target: "hookyard::serve", signal, "ending: no new requests; finishing those in flight");
    }
    while tasks.join_next().await.is_some() {}
    tracing::info!(target: "hookyard::serve", "ended");
    failed.map_or(Ok(()), Err)
}

fn broken(ended: Option<Result<(), tokio::task::JoinError>>) -> anyhow::Error {
    match ended {
        Some(Err(error)) => anyhow!(error).context("a part of the host failed"),
        _ => anyhow!("a part of the host ended by itself"),
    }
}
