//! Ready values: plain data that the wiring hands to the parts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hookyard_egress::Addresses;
use hookyard_inbox::BacklogPolicy;
use hookyard_model::{
    DestinationRef, ProbationPolicy, QuarantinePolicy, RetryPolicy, SourceRef, TenantName,
};
use hookyard_plugin::{CompileLimits, Limits};
use hookyard_verify::{JsonPointer, Provider, Secret, Verifier};

use super::grants::Granted;
use crate::release::Windows;

/// A whole configuration.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) ingress: hookyard_ingress::Config,
    pub(crate) admin: Admin,
    /// The database file.
    pub(crate) inbox: PathBuf,
    pub(crate) plugins: Plugins,
    pub(crate) dispatch: Dispatch,
    /// The same bounds for messages that are sent.
    pub(crate) delivery: Dispatch,
    pub(crate) egress: Egress,
    /// For sources that say nothing of their own.
    pub(crate) retry: RetryPolicy,
    pub(crate) retention: Retention,
    /// None where it's switched off.
    pub(crate) quarantine: Option<QuarantinePolicy>,
    pub(crate) release: Release,
    /// For plugins that say nothing of their own.
    pub(crate) rehearsal: Rehearsal,
    /// By name.
    pub(crate) providers: BTreeMap<String, Arc<Provider>>,
    pub(crate) sources: BTreeMap<SourceRef, Source>,
    pub(crate) destinations: BTreeMap<DestinationRef, Destination>,
}

/// The administrators' listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admin {
    pub(crate) listen: SocketAddr,
    pub(crate) token: Option<Secret>,
    /// Names that it may be asked by, besides `localhost` and addresses.
    pub(crate) hosts: Vec<String>,
}

/// The plugin folder and what its plugins may use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plugins {
    pub(crate) folder: PathBuf,
    /// Where compiled code is kept.
    pub(crate) cache: PathBuf,
    /// Where components are kept to go back to.
    pub(crate) revisions: PathBuf,
    /// The most plugins of one tenant.
    pub(crate) tenant_count_max: usize,
    /// The most bytes of a component.
    pub(crate) file_bytes_max: u64,
    /// How often the folder is looked at when nothing was heard from it.
    pub(crate) rescan: Duration,
    pub(crate) windows: Windows,
    pub(crate) compile: Compile,
    pub(crate) limits: Limits,
    /// The most that a plugin of a tenant may ask for, where the tenant has such limits.
    pub(crate) ceilings: BTreeMap<TenantName, Limits>,
    /// What they may import, unless their own files say otherwise.
    pub(crate) grants: Granted,
    /// What they do with a source's earlier events, unless their own files say otherwise.
    pub(crate) backlog: Backlog,
}

/// What a source's first plugin does with the events that came before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Backlog {
    /// Whether it is given them.
    pub(crate) is_taken: bool,
    /// Of them so many a second.
    pub(crate) rate: f64,
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
    pub(crate) fn policy(self) -> BacklogPolicy {
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
pub(crate) struct Compile {
    /// Of one component.
    pub(crate) limits: CompileLimits,
    /// Compilations at once.
    pub(crate) concurrency: usize,
}

/// How a new revision comes into service.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Release {
    /// When it goes out of it again; never by itself where `None`.
    pub(crate) probation: Option<ProbationPolicy>,
    /// Components of each plugin that are kept to go back to; at least 1.
    pub(crate) revisions_kept: usize,
}

/// How a new revision is tried out before it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rehearsal {
    pub(crate) policy: RehearsalPolicy,
    /// So many of the last events are run.
    pub(crate) events: usize,
    /// After this long no further attempt is begun.
    pub(crate) time_max: Duration,
    /// Whether the answers to plugins' requests are recorded.
    pub(crate) record: bool,
    /// Of each attempt, so many bytes of them.
    pub(crate) record_bytes_max: usize,
}

/// What comes of what a rehearsal finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RehearsalPolicy {
    /// There is none.
    Off,
    /// It's told, and the revision serves.
    Warn,
    /// It's told, and the revision is refused.
    Require,
}

impl RehearsalPolicy {
    pub(crate) const ALL: [Self; 3] = [Self::Off, Self::Warn, Self::Require];

    /// As it's written.
    pub(crate) const fn name(self) -> &'static str {
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
pub(crate) struct Dispatch {
    /// Attempts at once, of all plugins together.
    pub(crate) concurrency_max: usize,
    /// Of one tenant's plugins, where several tenants have some.
    pub(crate) tenant_concurrency_max: usize,
    pub(crate) lease: Duration,
    /// How long attempts in flight may go on at shutdown.
    pub(crate) drain_max: Duration,
}

/// How anything goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Egress {
    pub(crate) door: hookyard_egress::Config,
    /// What the host itself may fetch from, besides public addresses.
    pub(crate) addresses: Addresses,
}

/// How long events are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) limits: hookyard_inbox::Retention,
    /// How often it's seen to.
    pub(crate) every: Duration,
}

/// A source, its verification compiled.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) provider: Arc<Provider>,
    pub(crate) verifier: Arc<Verifier>,
    /// When it differs from the host's.
    pub(crate) body_bytes_max: Option<usize>,
    /// Whether its handshakes may fetch over plain HTTP.
    pub(crate) allow_http: bool,
    pub(crate) retry: RetryPolicy,
    /// Where in an event the text stands that orders it.
    pub(crate) ordering: Option<JsonPointer>,
    /// For how long a repeat of an event is told from a new one.
    pub(crate) dedupe_window: Duration,
}

/// A destination, ready for messages.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    /// Whose typed events may be sent to it.
    pub(crate) provider: Option<Arc<Provider>>,
    pub(crate) delivery: Arc<hookyard_egress::delivery::Destination>,
}

impl Settings {
    /// What a source's retries are when nothing is said anywhere.
    pub(crate) fn default_retry() -> RetryPolicy {
        RetryPolicy::default()
    }
}
