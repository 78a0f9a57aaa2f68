//! The checked configuration, ready for use by the parts of the host.
//!
//! There is one struct for each table of `hookyard.toml`, and its fields have the names of the
//! table's keys. `Default` holds the default values; `default.toml` documents the same values, and
//! a test keeps the two equal.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hookyard_egress::Addresses;
use hookyard_ingress::WaitRule;
use hookyard_model::{
    DestinationRef, PluginName, ProbationPolicy, QuarantinePolicy, RetryPolicy, Role, SourceRef,
    TenantName,
};
use hookyard_plugin::{CacheLimits, CompileLimits, Limits};
use hookyard_schemes::handshake::SourceHandshakes;
use hookyard_schemes::{AnswerParts, JsonPointer, Provider, Scheme, Secret, Verifier};
use hookyard_store::{BacklogPolicy, RefusedBounds, RefusedLimits, Tenants, Wanted};

use crate::grants::GrantSettings;

/// How long the host waits at shutdown, unless the configuration sets `shutdown_timeout`.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// A whole configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long the requests, attempts and deliveries in progress may take to finish at shutdown.
    pub shutdown_timeout: Duration,
    /// The `[ingress]` table.
    pub ingress: Ingress,
    /// The `[admin]` table.
    pub admin: Admin,
    /// The `[store]` table.
    pub store: Store,
    /// The `[traces]` table.
    pub traces: Traces,
    /// The `[plugins]` table.
    pub plugins: Plugins,
    /// The `[dispatch]` table: limits for attempts.
    pub dispatch: Concurrency,
    /// The `[delivery]` table: limits for deliveries.
    pub delivery: Concurrency,
    /// The `[egress]` table.
    pub egress: Egress,
    /// The `[retry]` table: the retries of sources without a policy of their own.
    pub retry: RetryPolicy,
    /// The `[retention]` table.
    pub retention: Retention,
    /// The `[quarantine]` table.
    pub quarantine: Quarantine,
    /// The `[release]` table.
    pub release: Release,
    /// The `[rehearsal]` table: for plugins without rehearsal settings of their own.
    pub rehearsal: Rehearsal,
    /// All providers by name: the built-in ones and the operator's.
    pub providers: BTreeMap<String, Arc<Provider>>,
    /// The sources of all tenants.
    pub sources: BTreeMap<SourceRef, Source>,
    /// The destinations of all tenants.
    pub destinations: BTreeMap<DestinationRef, Destination>,
}

/// The `[ingress]` table: how senders reach the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingress {
    /// The listener and its limits.
    pub server: hookyard_ingress::Config,
    /// The maximum size of a request's body, in bytes, for sources without a limit of their own.
    pub body_max: usize,
    /// The limits on events that are stored faster than they are handled.
    pub overload: OverloadLimits,
    /// The bounds on the refused requests that are kept.
    pub refused: RefusedSettings,
}

/// The bounds on the refused requests of a source, unless the source has a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedSettings {
    /// The maximum number of requests; 0 to keep none.
    pub refused_kept: usize,
    /// The maximum size of all requests together, in bytes.
    pub refused_bytes_max: u64,
    /// How long a request is kept.
    pub refused_age_max: Duration,
}

impl RefusedSettings {
    /// Returns the bounds of a source that keeps `count` requests; `None` if it keeps none.
    pub fn bounds(self, count: usize) -> Option<RefusedBounds> {
        (count > 0).then_some(RefusedBounds {
            count_max: count,
            bytes_max: self.refused_bytes_max,
            age_max: self.refused_age_max,
        })
    }
}

impl Default for RefusedSettings {
    fn default() -> Self {
        Self {
            refused_kept: 0,
            refused_bytes_max: 4 << 20,
            refused_age_max: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// The limits on events that are stored faster than they are handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverloadLimits {
    /// The maximum number of unhandled jobs of a tenant. `None` never turns a sender away.
    pub unhandled_max: Option<u64>,
    /// How long more than three times as much may be stored as is handled.
    pub overload_time: Duration,
}

impl Default for OverloadLimits {
    fn default() -> Self {
        Self {
            unhandled_max: None,
            overload_time: Duration::from_secs(60),
        }
    }
}

impl Default for Ingress {
    fn default() -> Self {
        Self {
            server: hookyard_ingress::Config::default(),
            body_max: 1 << 20,
            overload: OverloadLimits::default(),
            refused: RefusedSettings::default(),
        }
    }
}

/// The `[admin]` table: the listener for administrators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The bearer token that requests must have. `None` is allowed on loopback only.
    pub token: Option<Secret>,
    /// The further tokens by their names, each with what it allows.
    pub tokens: BTreeMap<String, AdminToken>,
    /// Whether the listener refuses all changes.
    pub read_only: bool,
    /// The host names that requests may use, in addition to `localhost` and IP addresses.
    pub hosts: Vec<String>,
}

/// The `[admin.tokens.<name>]` table: a token and what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminToken {
    /// The bearer token.
    pub token: Secret,
    /// What the owner may do.
    pub role: Role,
    /// The tenants whose things the owner sees.
    pub tenants: Tenants,
    /// Whether the owner sees bodies, headers, log lines and answers.
    pub payloads: bool,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)),
            token: None,
            tokens: BTreeMap::new(),
            read_only: false,
            hosts: Vec::new(),
        }
    }
}

/// The `[traces]` table: which traces of events the host records, and where it sends them.
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    /// The URL of the collector. `None`: the host records no traces.
    pub endpoint: Option<String>,
    /// The protocol of the collector.
    pub protocol: TraceProtocol,
    /// The headers of each request to the collector.
    pub headers: Vec<(String, Secret)>,
    /// The maximum time of a request to the collector.
    pub timeout: Duration,
    /// The share of the events that no rule matches.
    pub sample: f64,
    /// The rules. The first rule that matches an event decides.
    pub rules: Vec<hookyard_trace::Rule>,
}

/// The protocol with which the host sends traces (OTLP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceProtocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP, with bodies in Protocol Buffers.
    Http,
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            endpoint: None,
            protocol: TraceProtocol::Grpc,
            headers: Vec::new(),
            timeout: Duration::from_secs(10),
            sample: 0.01,
            rules: Vec::new(),
        }
    }
}

impl Traces {
    /// Returns the sampling rules. Without a collector, nothing is sampled.
    pub fn rules(&self) -> hookyard_trace::Rules {
        if self.endpoint.is_none() {
            return hookyard_trace::Rules::default();
        }
        hookyard_trace::Rules {
            rules: self.rules.clone(),
            share: self.sample,
        }
    }
}

/// The `[store]` table: where events are stored, and how repeated events are recognized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The path of the database file.
    pub url: PathBuf,
    /// How long a repeated event is recognized, for sources without a window of their own.
    pub dedupe_window: Duration,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            url: PathBuf::from("data/hookyard.db"),
            dedupe_window: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

/// The `[plugins]` table: the plugin folder, and what plugins may use.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugins {
    /// The folder with a folder for each tenant, which holds the tenant's plugins.
    pub folder: PathBuf,
    /// The folder of compiled code.
    pub cache: PathBuf,
    /// The folder of archived components, for rollbacks.
    pub revisions: PathBuf,
    /// The maximum number of plugins of one tenant.
    pub tenant_count_max: usize,
    /// The maximum size of a component or of another file in the plugin folder, in bytes.
    pub file_max: u64,
    /// How often the host checks the folder even if the system reports no change.
    pub rescan: Duration,
    /// How long files must be unchanged or missing before that counts.
    pub windows: Windows,
    /// The `[plugins.compile]` table.
    pub compile: Compile,
    /// The `[plugins.limits]` table: the limits of plugins without limits of their own.
    pub limits: Limits,
    /// The maximum limits of each tenant that has a `[tenants.<tenant>.limits]` table.
    pub tenant_limits: BTreeMap<TenantName, Limits>,
    /// The `[plugins.grants]` table, and the grants of each tenant.
    pub grants: GrantSettings,
    /// How the first plugin of a source handles earlier events, unless the plugin's own settings
    /// differ.
    pub backlog: Backlog,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("plugins"),
            cache: PathBuf::from("data/compiled"),
            revisions: PathBuf::from("data/revisions"),
            tenant_count_max: 1000,
            file_max: 64 << 20,
            rescan: Duration::from_secs(3),
            windows: Windows::default(),
            compile: Compile::default(),
            limits: Limits::default(),
            tenant_limits: BTreeMap::new(),
            grants: GrantSettings::default(),
            backlog: Backlog::default(),
        }
    }
}

/// How long a file must be unchanged or missing before that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// How long a file must be unchanged before it is loaded, so that no half-copied file is
    /// loaded.
    pub settle: Duration,
    /// How long a file must be missing before its plugin is removed, so that replacing a file never
    /// stops its plugin.
    pub removal: Duration,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(200),
            removal: Duration::from_secs(1),
        }
    }
}

/// How the first plugin of a source handles the events that the source received before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backlog {
    /// Which of the earlier events the plugin handles.
    pub backlog: BacklogChoice,
    /// How many of the earlier events the plugin handles per second.
    pub backlog_rate: f64,
}

/// Which earlier events the first plugin of a source handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BacklogChoice {
    /// All of them.
    All,
    /// None of them.
    None,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            backlog: BacklogChoice::All,
            backlog_rate: 50.0,
        }
    }
}

impl Backlog {
    /// Returns the policy for the store.
    pub fn policy(self) -> BacklogPolicy {
        match self.backlog {
            BacklogChoice::All => BacklogPolicy::All {
                rate: Some(self.backlog_rate),
            },
            BacklogChoice::None => BacklogPolicy::None,
        }
    }
}

/// The `[plugins.compile]` table: what the compilation of components may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compile {
    /// The limits for the compilation of one component.
    pub limits: CompileLimits,
    /// The maximum number of compilations at the same time.
    pub concurrency: usize,
    /// What is kept for the next compilations, beside the code of the revisions in use.
    pub cache: CacheLimits,
}

impl Default for Compile {
    fn default() -> Self {
        Self {
            limits: CompileLimits::default(),
            concurrency: 2,
            cache: CacheLimits::default(),
        }
    }
}

/// The `[dispatch]` or `[delivery]` table: how much work runs at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concurrency {
    /// The maximum number of attempts or deliveries at the same time.
    pub concurrency_max: usize,
    /// The maximum number for one tenant while several tenants have plugins or destinations.
    pub tenant_concurrency_max: usize,
    /// The duration of a lease: how long before work is done again if the host died during it.
    pub lease: Duration,
}

impl Concurrency {
    /// Returns the default settings with room for `concurrency_max` attempts or deliveries. One
    /// tenant gets three quarters.
    pub fn new(concurrency_max: usize) -> Self {
        Self {
            concurrency_max,
            tenant_concurrency_max: (concurrency_max * 3).div_ceil(4),
            lease: Duration::from_secs(60),
        }
    }
}

impl Default for Concurrency {
    fn default() -> Self {
        Self::new(64)
    }
}

/// The `[egress]` table: how the host sends requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress {
    /// The limits of all outgoing requests.
    pub door: hookyard_egress::Config,
    /// The private addresses that the host itself may fetch from.
    pub addresses: Addresses,
}

/// The `[retention]` table: how long data is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// The limits for all tenants, and those of tenants with a table of their own.
    pub limits: hookyard_store::Retention,
    /// How often the host removes old data.
    pub every: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            limits: hookyard_store::Retention::default(),
            every: Duration::from_secs(60),
        }
    }
}

/// The `[quarantine]` table: when the jobs of a failing plugin are held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quarantine {
    /// Whether plugins are quarantined at all.
    pub enabled: bool,
    /// When a plugin is quarantined.
    pub policy: QuarantinePolicy,
}

impl Default for Quarantine {
    fn default() -> Self {
        Self {
            enabled: true,
            policy: QuarantinePolicy::default(),
        }
    }
}

impl Quarantine {
    /// Returns when a plugin is quarantined, or `None` if quarantine is disabled.
    pub fn policy(&self) -> Option<QuarantinePolicy> {
        self.enabled.then_some(self.policy)
    }
}

/// The `[release]` table: how a new revision becomes active.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// Whether the host rolls back a revision that fails more often than the previous one.
    pub rollback: bool,
    /// When the host rolls back a revision.
    pub policy: ProbationPolicy,
    /// How many archived components of each plugin are kept for rollbacks; at least 1.
    pub revisions_kept: usize,
}

impl Default for Release {
    fn default() -> Self {
        Self {
            rollback: true,
            policy: ProbationPolicy::default(),
            revisions_kept: 5,
        }
    }
}

impl Release {
    /// Returns the conditions of an automatic rollback, or `None` if it is disabled.
    pub fn probation(&self) -> Option<ProbationPolicy> {
        self.rollback.then_some(self.policy)
    }
}

/// The `[rehearsal]` table: how a new revision is rehearsed before it becomes active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rehearsal {
    /// The consequence of differences and failures.
    pub policy: RehearsalPolicy,
    /// The number of stored events to rehearse with.
    pub events: usize,
    /// How long a rehearsal starts new attempts.
    pub time_max: Duration,
    /// Whether the host records the responses to plugins' own requests, for later rehearsals.
    pub record: bool,
    /// The maximum size of the recorded responses of one attempt, in bytes.
    pub record_bytes_max: usize,
}

/// The consequence of what a rehearsal finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RehearsalPolicy {
    /// Nothing is rehearsed.
    Off,
    /// The host logs the findings and activates the revision.
    Warn,
    /// The host logs the findings and refuses the revision.
    Require,
}

impl RehearsalPolicy {
    /// All policies.
    pub const ALL: [Self; 3] = [Self::Off, Self::Warn, Self::Require];

    /// Returns the name of the policy in configuration files.
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

/// The sources whose requests plugins answer: for each, the plugin that responds, or `None` if any
/// plugin may.
pub type Responders = BTreeMap<SourceRef, Option<PluginName>>;

impl Settings {
    /// Returns the sources whose requests plugins answer.
    pub fn responders(&self) -> Responders {
        let responder = |(name, source): (&SourceRef, &Source)| match &source.wait.as_ref()?.wanted
        {
            Wanted::Response { of } => Some((name.clone(), of.clone())),
            Wanted::Outcomes => None,
        };
        self.sources.iter().filter_map(responder).collect()
    }

    /// Returns the bounds of the sources that keep refused requests.
    pub fn refused_limits(&self) -> RefusedLimits {
        let bounds = |(name, source): (&SourceRef, &Source)| {
            let bounds = source.refused_kept?;
            Some((name.clone(), bounds))
        };
        RefusedLimits {
            by_source: self.sources.iter().filter_map(bounds).collect(),
        }
    }
}

/// A source, with its verification compiled.
#[derive(Debug, Clone)]
pub struct Source {
    /// The provider that sends to the source.
    pub provider: Arc<Provider>,
    /// The scheme of the source with its settings, for `hookyard try`.
    pub scheme: Scheme,
    /// Verifies the requests of the source.
    pub verifier: Arc<Verifier>,
    /// The handshakes of the provider, with the secrets of the source.
    pub handshakes: Arc<SourceHandshakes>,
    /// The maximum size of a request's body, in bytes.
    pub body_max: usize,
    /// Whether the handshakes of the source may fetch over plain HTTP.
    pub allow_http: bool,
    /// The retries of jobs for events of the source.
    pub retry: RetryPolicy,
    /// Where an event contains its ordering key: events with the same key are handled in order.
    pub ordering: Option<JsonPointer>,
    /// How long a repeated event is recognized.
    pub dedupe_window: Duration,
    /// The answer to a stored event: the source's own, or the provider's.
    pub answer: Option<Arc<AnswerParts>>,
    /// The bounds on the refused requests that are kept; `None` to keep none.
    pub refused_kept: Option<RefusedBounds>,
    /// What a request waits for before it is answered; `None` to answer once the event is stored.
    pub wait: Option<WaitRule>,
}

/// A destination, ready to receive messages.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The provider whose typed events may be sent to the destination.
    pub provider: Option<Arc<Provider>>,
    /// How the delivery worker sends to the destination.
    pub delivery: Arc<hookyard_delivery::Destination>,
}
