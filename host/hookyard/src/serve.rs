//! `hookyard serve`: builds every part of the host, runs them side by side, and stops them in
//! order.
//!
//! Ingress, dispatch and delivery share the store and nothing else (invariant 4). [`wiring`]
//! translates the configuration for each part. [`reload`] hands a changed configuration to the
//! running parts. The administrators' listener, the metrics, retention and the watch over unserved
//! events are parts of this crate.

mod admin;
mod administration;
mod announce;
#[cfg(feature = "develop")]
mod background;
mod documents;
mod figures;
mod health;
mod metrics;
mod overload;
mod reload;
mod responders;
mod retention;
mod signals;
mod stop;
mod system;
mod traces;
mod unserved;
mod wiring;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use hookyard_config::files;
use hookyard_config::{self as config, Settings};
use hookyard_delivery::Deliverer;
use hookyard_dispatch::{Dispatcher, Runner};
use hookyard_egress::Door;
use hookyard_plugin::Engine;
use hookyard_release::{Desired, Keeper, Probations};
use hookyard_store::{Gatherer, Waits};
use hookyard_store_sqlite::{Options, SqliteStore};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::cli::Failure;
use crate::clock::SystemClock;
use crate::{engine, telemetry, verifiers};
use figures::Figures;
use health::Health;
use metrics::Metrics;
use overload::Overload;
use reload::{Handles, Reload};
use retention::Pruner;
use signals::Signals;
use stop::Stop;
use traces::Traces;
use unserved::Unserved;

#[cfg(feature = "develop")]
pub(crate) use background::{Background, start_in_background};

/// Puts a runner in front of the catalog, or returns the catalog.
type Wrap = Box<dyn FnOnce(Arc<dyn Runner>) -> Arc<dyn Runner> + Send>;

/// Every part of the host, built and not yet running.
struct Parts {
    admin: admin::Bound,
    ingress: hookyard_ingress::Bound,
    dispatcher: Dispatcher,
    deliverer: Deliverer,
    releases: Keeper,
    pruner: Pruner,
    figures: Figures,
    unserved: Unserved,
    overload: Overload,
    reload: Reload,
    /// The task that sends traces. It ends after all other parts.
    traces: Option<Traces>,
}

/// Serves the configuration at `path` until a signal stops the host.
pub(crate) async fn serve(path: &Path) -> Result<(), Failure> {
    let Signals { stop, reload } = Signals::listen().context("cannot listen for signals")?;

    // Building the parts can block on files. In a task of its own, it cannot delay a signal.
    let plain: Wrap = Box::new(|catalog| catalog);
    let building = tokio::spawn(start(path.to_owned(), reload, stop.clone(), plain));
    let parts = tokio::select! {
        parts = building => parts.context("the host failed to start")??,
        signal = stop.asked() => {
            tracing::info!(target: "hookyard::serve", signal, "stopped before serving anything");
            return Ok(());
        }
    };

    Ok(run(parts, stop).await?)
}

async fn start(
    path: PathBuf,
    reload: Arc<Notify>,
    stop: Stop,
    wrap: Wrap,
) -> Result<Parts, Failure> {
    let config_path = path.clone();
    let reading = tokio::task::spawn_blocking(move || config::read(&config_path))
        .await
        .context("the configuration was not read")?;
    let settings = reading.result?;
    announce::notes(&reading.notes);
    stop.set_shutdown_timeout(settings.shutdown_timeout);

    let source = ConfigurationSource {
        path,
        files: reading.files,
        request: reload,
    };
    Ok(build(settings, source, stop, wrap).await?)
}

/// Where the configuration comes from.
struct ConfigurationSource {
    path: PathBuf,
    files: BTreeSet<PathBuf>,
    /// Asks for a reload.
    request: Arc<Notify>,
}

async fn build(
    settings: Settings,
    source: ConfigurationSource,
    stop: Stop,
    wrap: Wrap,
) -> anyhow::Result<Parts> {
    check_folders(&settings).await?;
    let metrics = Metrics::start()?;
    let grants = Arc::new(wiring::grants(&settings.admin));
    let store = open_store(&settings).await?;
    let health = Health::new(store.clone(), stop);
    let admin = admin::bind(&settings.admin, grants.clone(), metrics, health).await?;
    let engine = engine::host_engine(&settings)?;
    let settings = load_verifiers(settings, engine.clone()).await?;

    // The door is the only way out of the host. Every part that sends a request has a clone of it.
    let door = Door::new(settings.egress.door.clone())?;
    let traces = traces::start(&settings.traces, door.clone())?;
    let responders = responders::Handle::new(&settings);
    let waits = Arc::new(Waits::new(settings.ingress.server.connections_max));
    let catalog = wiring::catalog(store.clone(), door.clone(), responders.clone());
    let clock = Arc::new(SystemClock);
    let probations = Arc::new(Probations::new(clock.clone(), settings.release.probation()));

    let gatherer = Arc::new(Gatherer::default());
    let overload = overload::Handle::new(settings.ingress.overload.clone());
    let admission = Arc::new(overload.clone());
    let ingress = wiring::bind_ingress(
        &settings,
        store.clone(),
        admission,
        waits.clone(),
        gatherer.clone(),
        door.clone(),
    )
    .await?;
    let dispatch = wiring::dispatch(
        &settings,
        store.clone(),
        overload.count(wrap(catalog.clone())),
        waits,
        gatherer.clone(),
        probations.clone(),
    );
    let dispatcher = Dispatcher::new(dispatch);
    let deliverer = Deliverer::new(wiring::delivery(
        &settings,
        store.clone(),
        gatherer.clone(),
        door,
    ));
    let figures = Figures::new(store.clone(), clock.clone(), gatherer);
    let sources = settings.sources.keys().cloned().collect();
    let (unserved, unserved_handle) = Unserved::new(store.clone(), sources);
    let overload_watch = Overload::new(store.clone(), overload.clone());
    let (pruner, retention) = Pruner::new(store.clone(), clock, retention::Limits::from(&settings));
    let administration = administration::Handle::new(&settings);
    let pages = wiring::pages(store.clone(), administration.clone(), grants);
    let parts = wiring::release(engine.clone(), catalog, store, probations);
    let releases = Keeper::new(parts, Desired::from(&settings));

    announce::sources(&settings);
    let handles = Handles {
        administration,
        ingress: ingress.handle(),
        dispatch: dispatcher.handle(),
        delivery: deliverer.handle(),
        releases: releases.handle(),
        retention,
        unserved: unserved_handle,
        overload,
        responders,
    };
    Ok(Parts {
        admin: admin.with(pages),
        ingress,
        dispatcher,
        deliverer,
        releases,
        pruner,
        figures,
        unserved,
        overload: overload_watch,
        reload: Reload::new(source, settings, handles, engine),
        traces,
    })
}

/// Loads the verifiers of the sources on a thread that may block.
async fn load_verifiers(settings: Settings, engine: Arc<Engine>) -> anyhow::Result<Settings> {
    tokio::task::spawn_blocking(move || match verifiers::load(&settings, &engine) {
        Ok(()) => Ok(settings),
        Err(faults) => Err(anyhow!("{faults}")),
    })
    .await?
}

/// Fails if the plugin folder cannot be read, or if other users can write to the archive folder.
async fn check_folders(settings: &Settings) -> anyhow::Result<()> {
    let folder = settings.plugins.folder.clone();
    tokio::task::spawn_blocking(move || files::names(&folder, &folder, 1))
        .await?
        .with_context(|| hookyard_release::unreadable(&settings.plugins.folder))?;

    let archive = settings.plugins.revisions.clone();
    tokio::task::spawn_blocking(move || hookyard_private::trusted_folder(&archive))
        .await?
        .with_context(|| {
            let folder = settings.plugins.revisions.display();
            format!(
                "cannot use {folder}, the folder for archived revisions; fix its permissions, or \
                 name another folder as `revisions` in [plugins]"
            )
        })
}

async fn open_store(settings: &Settings) -> anyhow::Result<Arc<SqliteStore>> {
    let path = settings.store.url.clone();
    let store =
        tokio::task::spawn_blocking(move || SqliteStore::open(&path, Options::default())).await??;
    Ok(Arc::new(store))
}

/// Runs all parts until a signal stops the host, or until a part fails.
async fn run(parts: Parts, stop: Stop) -> anyhow::Result<()> {
    let stopped = || {
        let stop = stop.clone();
        async move {
            stop.asked().await;
        }
    };
    let address = parts.ingress.address();
    let admin_address = parts.admin.address();

    let summing = tokio::spawn(telemetry::sum_up());
    let (all_ended, others_ended) = watch::channel(());
    let others_ended = || {
        let mut all_ended = others_ended.clone();
        // The sender never sends: its drop ends the wait.
        async move {
            all_ended.changed().await.unwrap_or_default();
        }
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(stop.clone().run("admin", parts.admin.run(others_ended())));
    tasks.spawn(
        stop.clone()
            .run("figures", parts.figures.run(others_ended())),
    );
    tasks.spawn(stop.clone().run("ingress", parts.ingress.run(stopped())));
    tasks.spawn(
        stop.clone()
            .run("dispatch", parts.dispatcher.run(stopped())),
    );
    tasks.spawn(stop.clone().run("delivery", parts.deliverer.run(stopped())));
    tasks.spawn(stop.clone().run("release", parts.releases.run(stopped())));
    tasks.spawn(stop.clone().run("retention", parts.pruner.run(stopped())));
    tasks.spawn(stop.clone().run("unserved", parts.unserved.run(stopped())));
    tasks.spawn(stop.clone().run("overload", parts.overload.run(stopped())));
    tasks.spawn(stop.clone().run("reload", parts.reload.run(stopped())));
    tracing::info!(target: "hookyard::admin", address = %admin_address, "pages at /, metrics at /metrics");
    tracing::info!(target: "hookyard::serve", %address, "listening");

    let failed = tokio::select! {
        _ = stop.asked() => None,
        // A part that ends because the host stops can be seen here first. It has not failed:
        // `ask` returns false, because the signal asked earlier.
        ended = tasks.join_next() => {
            let is_failure = stop.ask("a part of the host that failed");
            is_failure.then(|| part_failure(ended))
        }
    };
    if failed.is_none() {
        let signal = stop.asked().await;
        tracing::info!(
            target: "hookyard::serve", signal,
            "stopping: accepting no new requests, finishing the current ones"
        );
    }

    // The admin listener ends last, so that it can say that the host stops. So do the figures, so that
    // they contain what the other parts finish.
    while tasks.len() > 2 && tasks.join_next().await.is_some() {}
    drop(all_ended);
    while tasks.join_next().await.is_some() {}
    summing.abort();
    telemetry::sum_up_rest();
    if let Some(traces) = parts.traces {
        traces.finish().await;
    }
    tracing::info!(target: "hookyard::serve", "stopped");
    failed.map_or(Ok(()), Err)
}

fn part_failure(ended: Option<Result<(), tokio::task::JoinError>>) -> anyhow::Error {
    match ended {
        Some(Err(error)) => anyhow!(error).context("a part of the host failed"),
        _ => anyhow!("a part of the host ended although the host was not stopped"),
    }
}
