//! The configuration of each part of the host, made from the settings.

use std::sync::Arc;

use hookyard_admin::{Admin, Grant, Grants};
use hookyard_config::Settings;
use hookyard_delivery::Destinations;
use hookyard_dispatch::{RetryPolicies, Runner};
use hookyard_egress::{Client, Door, Policy};
use hookyard_ingress::{Admission, Bound, Sources};
use hookyard_plugin::{Catalog, Engine, HostServices};
use hookyard_plugin_http::GrantedHttpClient;
use hookyard_release::Probations;
use hookyard_release::rehearsal::Material;
use hookyard_store::{Gatherer, Inbox, Outbox, Waits};
use hookyard_store_sqlite::SqliteStore;

use super::documents::DocumentFile;
use super::system::{Fetcher, event_id, message_id, refused_id};
use super::{administration, responders};
use crate::clock::SystemClock;
use crate::learnt::LearntFolder;

/// Builds ingress and binds its address.
pub(super) async fn bind_ingress(
    settings: &Settings,
    store: Arc<SqliteStore>,
    admission: Arc<dyn Admission>,
    waits: Arc<Waits>,
    gatherer: Arc<Gatherer>,
    door: Door,
) -> anyhow::Result<Bound> {
    let policy = Policy {
        addresses: settings.egress.addresses.clone(),
        ..Policy::default()
    };
    let parts = hookyard_ingress::Parts {
        inbox: store.clone(),
        admission,
        clock: Arc::new(SystemClock),
        event_ids: Arc::new(event_id),
        refused: store,
        refused_ids: Arc::new(refused_id),
        gatherer,
        fetch: Arc::new(Fetcher(Client::new(door, policy))),
        documents: Arc::new(DocumentFile::beside(&settings.store.url)),
        waits,
        learnt: Arc::new(LearntFolder::beside(&settings.store.url)),
    };

    Ok(hookyard_ingress::bind(settings.ingress.server.clone(), parts, sources(settings)).await?)
}

/// Returns a catalog without plugins. It gives plugins access to the store and to the door.
pub(super) fn catalog(
    store: Arc<SqliteStore>,
    door: Door,
    responders: responders::Handle,
) -> Arc<Catalog> {
    Arc::new(Catalog::new(HostServices {
        values: store,
        message_ids: Arc::new(message_id),
        asks_response: Arc::new(move |source, plugin| responders.may_respond(source, plugin)),
        http: Arc::new(GrantedHttpClient::new(door)),
        stage: None,
    }))
}

/// Builds the administrators' pages.
pub(super) fn pages(
    store: Arc<SqliteStore>,
    host: administration::Handle,
    grants: Arc<Grants>,
) -> Admin {
    Admin::new(hookyard_admin::Parts {
        store,
        host: Arc::new(host),
        clock: Arc::new(SystemClock),
        grants,
    })
}

/// Returns the tokens of the administrators' listener.
pub(super) fn grants(admin: &hookyard_config::settings::Admin) -> Grants {
    let mut grants = Grants::default();
    grants.is_read_only = admin.read_only;
    if let Some(token) = &admin.token {
        grants.add(token.clone(), Grant::administrator("token"));
    }
    for (name, token) in &admin.tokens {
        let grant = Grant {
            name: name.clone(),
            role: token.role,
            tenants: token.tenants.clone(),
            shows_payloads: token.payloads,
        };
        grants.add(token.token.clone(), grant);
    }
    grants
}

/// Returns what the keeper of releases works with.
pub(super) fn release(
    engine: Arc<Engine>,
    catalog: Arc<Catalog>,
    store: Arc<SqliteStore>,
    probations: Arc<Probations>,
) -> hookyard_release::Parts {
    hookyard_release::Parts {
        engine,
        catalog,
        inbox: store.clone(),
        releases: store.clone(),
        probations,
        clock: Arc::new(SystemClock),
        material: Material {
            values: store.clone(),
            recent: store,
        },
    }
}

/// Returns the configuration of the dispatcher.
pub(super) fn dispatch(
    settings: &Settings,
    inbox: Arc<dyn Inbox>,
    runner: Arc<dyn Runner>,
    waits: Arc<Waits>,
    gatherer: Arc<Gatherer>,
    probations: Arc<Probations>,
) -> hookyard_dispatch::Config {
    hookyard_dispatch::Config {
        inbox,
        runner,
        clock: Arc::new(SystemClock),
        jitter: Arc::new(fastrand::f64),
        lease: settings.dispatch.lease,
        concurrency_max: settings.dispatch.concurrency_max,
        tenant_concurrency_max: settings.dispatch.tenant_concurrency_max,
        quarantine: settings.quarantine.policy(),
        release_guard: probations,
        waits,
        gatherer,
        shutdown_timeout: settings.shutdown_timeout,
        policies: retry_policies(settings),
    }
}

/// Returns the configuration of the deliverer.
pub(super) fn delivery(
    settings: &Settings,
    outbox: Arc<dyn Outbox>,
    gatherer: Arc<Gatherer>,
    door: Door,
) -> hookyard_delivery::Config {
    hookyard_delivery::Config {
        outbox,
        post: Arc::new(door),
        clock: Arc::new(SystemClock),
        jitter: Arc::new(fastrand::f64),
        lease: settings.delivery.lease,
        concurrency_max: settings.delivery.concurrency_max,
        tenant_concurrency_max: settings.delivery.tenant_concurrency_max,
        shutdown_timeout: settings.shutdown_timeout,
        gatherer,
        destinations: destinations(settings),
    }
}

/// Returns the sources for ingress.
pub(super) fn sources(settings: &Settings) -> Sources {
    let sources = settings.sources.iter();
    sources
        .map(|(name, source)| source.served(name.clone()))
        .collect()
}

/// Returns the retry policies for the dispatcher.
pub(super) fn retry_policies(settings: &Settings) -> RetryPolicies {
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

/// Returns the destinations for the deliverer.
pub(super) fn destinations(settings: &Settings) -> Destinations {
    settings
        .destinations
        .iter()
        .map(|(name, destination)| (name.clone(), Arc::clone(&destination.delivery)))
        .collect()
}
