//! Ready values: plain data that the wiring hands to the parts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hookyard_egress::Addresses;
use hookyard_model::{
    DestinationRef, ProbationPolicy, QuarantinePolicy, RetryPolicy, SourceRef, TenantName,
};
use hookyard_plugin::{CompileLimits, Limits};
use hookyard_schemes::{JsonPointer, Provider, Secret, Verifier};
use hookyard_store::BacklogPolicy;

use super::grants::Granted;

/// A whole configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long everything that is in flight may take to finish at shutdown.
    pub shutdown_timeout: Duration,
    pub ingress: Ingress,
    pub admin: Admin,
    pub store: Store,
    pub plugins: Plugins,
    pub dispatch: Dispatch,
    /// The same bounds for messages that are sent.
    pub delivery: Dispatch,
    pub egress: Egress,
    /// For sources that say nothing of their own.
    pub retry: RetryPolicy,
    pub retention: Retention,
    /// None where it's switched off.
    pub quarantine: Option<QuarantinePolicy>,
    pub release: Release,
    /// For plugins that say nothing of their own.
    pub rehearsal: Rehearsal,
    /// By name.
    pub providers: BTreeMap<String, Arc<Provider>>,
    pub sources: BTreeMap<SourceRef, Source>,
    pub destinations: BTreeMap<DestinationRef, Destination>,
}

/// The `[ingress]` table: how senders reach the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingress {
    /// The listener and its limits.
    pub server: hookyard_ingress::Config,
    /// The maximum size of a request's body, in bytes, for sources without a limit of their own.
    pub body_max: usize,
}

/// The `[store]` table: where events are stored, and how repeated events are recognized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The database file.
    pub url: PathBuf,
    /// How long a repeated event is recognized, for sources without a window of their own.
    pub dedupe_window: Duration,
}

/// The administrators' listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    pub listen: SocketAddr,
    pub token: Option<Secret>,
    /// Names that it may be asked by, besides `localhost` and addresses.
    pub hosts: Vec<String>,
}

/// The plugin folder and what its plugins may use.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugins {
    pub folder: PathBuf,
    /// Where compiled code is kept.
    pub cache: PathBuf,
    /// Where components are kept to go back to.
    pub revisions: PathBuf,
    /// The most plugins of one tenant.
    pub tenant_count_max: usize,
    /// The most bytes of a component.
    pub file_max: u64,
    /// How often the folder is looked at when nothing was heard from it.
    pub rescan: Duration,
    pub windows: Windows,
    pub compile: Compile,
    pub limits: Limits,
    /// The most that a plugin of a tenant may ask for, where the tenant has such limits.
    pub ceilings: BTreeMap<TenantName, Limits>,
    /// What they may import, unless their own files say otherwise.
    pub grants: Granted,
    /// What they do with a source's earlier events, unless their own files say otherwise.
    pub backlog: Backlog,
}

/// What a source's first plugin does with the events that came before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backlog {
    /// Whether it is given them.
    pub is_taken: bool,
    /// Of them so many a second.
    pub rate: f64,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            is_taken: true,
            rate: 50.0,
        }
    }
}

impl Backlog {
    /// As the inbox takes it.
    pub fn policy(self) -> BacklogPolicy {
        if self.is_taken {
            BacklogPolicy::All {
                rate: Some(self.rate),
            }
        } else {
            BacklogPolicy::None
        }
    }
}

/// What the compilation of components may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compile {
    /// Of one component.
    pub limits: CompileLimits,
    /// Compilations at once.
    pub concurrency: usize,
}

/// How a new revision comes into service.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// When a new revision is rolled back; `None` where that never happens automatically.
    pub rollback: Option<ProbationPolicy>,
    /// Components of each plugin that are kept to go back to; at least 1.
    pub revisions_kept: usize,
}

/// How a new revision is tried out before it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rehearsal {
    pub policy: RehearsalPolicy,
    /// So many of the last events are run.
    pub events: usize,
    /// After this long no further attempt is begun.
    pub time_max: Duration,
    /// Whether the answers to plugins' requests are recorded.
    pub record: bool,
    /// Of each attempt, so many bytes of them.
    pub record_bytes_max: usize,
}

/// What comes of what a rehearsal finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RehearsalPolicy {
    /// There is none.
    Off,
    /// It's told, and the revision serves.
    Warn,
    /// It's told, and the revision is refused.
    Require,
}

impl RehearsalPolicy {
    pub const ALL: [Self; 3] = [Self::Off, Self::Warn, Self::Require];

    /// As it's written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Require => "require",
        }
    }
}

impl Default for Rehearsal {
    fn default() -> Self {
        Self {
            policy: RehearsalPolicy::Warn,
            events: 100,
            time_max: Duration::from_secs(10),
            record: false,
            record_bytes_max: 64 << 10,
        }
    }
}

/// How attempts are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// Attempts at once, of all plugins together.
    pub concurrency_max: usize,
    /// Of one tenant's plugins, where several tenants have some.
    pub tenant_concurrency_max: usize,
    pub lease: Duration,
}

/// How anything goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress {
    pub door: hookyard_egress::Config,
    /// What the host itself may fetch from, besides public addresses.
    pub addresses: Addresses,
}

/// How long events are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    pub limits: hookyard_store::Retention,
    /// How often it's seen to.
    pub every: Duration,
}

/// A source, its verification compiled.
#[derive(Debug, Clone)]
pub struct Source {
    pub provider: Arc<Provider>,
    pub verifier: Arc<Verifier>,
    /// The maximum size of a request's body, in bytes.
    pub body_max: usize,
    /// Whether its handshakes may fetch over plain HTTP.
    pub allow_http: bool,
    pub retry: RetryPolicy,
    /// Where in an event the text stands that orders it.
    pub ordering: Option<JsonPointer>,
    /// For how long a repeat of an event is told from a new one.
    pub dedupe_window: Duration,
}

/// A destination, ready for messages.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Whose typed events may be sent to it.
    pub provider: Option<Arc<Provider>>,
    pub delivery: Arc<hookyard_delivery::Destination>,
}

/// How long something must have stayed as it is before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// For a file that is there, so that no half-copied one is loaded.
    pub settle: Duration,
    /// For a file that is missing, so that replacing one never stops its plugin.
    pub removal: Duration,
}
