//! The watch over overload: the host stores events faster than its plugins handle them.
//!
//! The store counts the unhandled jobs of each tenant once a second. Between two counts, events
//! that are stored and attempts that end are counted here. Senders of one tenant are turned away
//! without regard to other tenants, so that a slow plugin closes the host only to its own tenant.

mod gate;

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hookyard_config::OverloadLimits;
use hookyard_dispatch::{ActivePlugin, AttemptResult, RunError, Runner};
use hookyard_ingress::Admission;
use hookyard_model::{SourceRef, TenantName, chain};
use hookyard_store::{ClaimedJob, Error, Jobs};
use metrics::{Gauge, describe_gauge, gauge};

use gate::{Gate, Look, Notice};

const UNHANDLED: &str = "hookyard_jobs_unhandled";

/// How often the store counts the unhandled jobs.
const PERIOD: Duration = Duration::from_secs(1);
/// The pause after a slow count, as a multiple of its duration.
const PAUSE_FACTOR: u32 = 50;

/// Describes the metric to the recorder.
pub(super) fn describe_metrics() {
    describe_gauge!(
        UNHANDLED,
        "Jobs that are pending, leased or waiting, by tenant."
    );
}

/// What the parts of the host share about overload. Cheap to clone.
#[derive(Clone)]
pub(super) struct Handle(Arc<Mutex<State>>);

struct State {
    limits: OverloadLimits,
    tenants: HashMap<TenantName, Flow>,
}

/// The stored and handled work of one tenant.
struct Flow {
    gate: Gate,
    /// The number of events that were stored since the last look.
    stored: u64,
    /// The number of attempts that ended since the last look.
    handled: u64,
    gauge: Gauge,
}

impl Flow {
    fn new(tenant: &TenantName) -> Self {
        let gauge = gauge!(UNHANDLED, "tenant" => tenant.to_string());
        gauge.set(0.0);
        Self {
            gate: Gate::default(),
            stored: 0,
            handled: 0,
            gauge,
        }
    }

    fn is_open(&self, limits: &OverloadLimits) -> bool {
        let unhandled = (self.gate.unhandled() + self.stored).saturating_sub(self.handled);
        self.gate.is_open() && limits.unhandled_max.is_none_or(|max| unhandled < max)
    }
}

impl Handle {
    pub(super) fn new(limits: OverloadLimits) -> Self {
        Self(Arc::new(Mutex::new(State {
            limits,
            tenants: HashMap::new(),
        })))
    }

    /// Replaces the limits.
    pub(super) fn replace(&self, limits: OverloadLimits) {
        self.state().limits = limits;
    }

    /// Counts attempts that `runner` makes.
    pub(super) fn count(&self, runner: Arc<dyn Runner>) -> Arc<dyn Runner> {
        Arc::new(CountedRunner {
            inner: runner,
            overload: self.clone(),
        })
    }

    fn change(&self, tenant: &TenantName, change: impl FnOnce(&mut Flow)) {
        let mut state = self.state();
        if let Some(flow) = state.tenants.get_mut(tenant) {
            change(flow);
        } else {
            let flow = state.tenants.entry(tenant.clone());
            change(flow.or_insert_with(|| Flow::new(tenant)));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission for Handle {
    fn is_open(&self, source: &SourceRef) -> bool {
        let state = self.state();
        let flow = state.tenants.get(&source.tenant);
        flow.is_none_or(|flow| flow.is_open(&state.limits))
    }

    fn stored(&self, source: &SourceRef) {
        self.change(&source.tenant, |flow| flow.stored += 1);
    }
}

/// Runs jobs as the inner runner does, and counts the attempts.
struct CountedRunner {
    inner: Arc<dyn Runner>,
    overload: Handle,
}

#[async_trait]
impl Runner for CountedRunner {
    fn active(&self) -> Vec<ActivePlugin> {
        self.inner.active()
    }

    async fn changed(&self) {
        self.inner.changed().await;
    }

    async fn run(&self, job: &ClaimedJob) -> Result<AttemptResult, RunError> {
        let result = self.inner.run(job).await?;
        self.overload
            .change(&job.lease.plugin.tenant, |flow| flow.handled += 1);
        Ok(result)
    }
}

/// Counts unhandled jobs, opens and closes the host to the senders of each tenant, and logs it.
pub(super) struct Overload {
    store: Arc<dyn Jobs>,
    handle: Handle,
}

impl Overload {
    pub(super) fn new(store: Arc<dyn Jobs>, handle: Handle) -> Self {
        Self { store, handle }
    }

    /// Looks at the store at once and at intervals, until `shutdown` completes.
    pub(super) async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let began = Instant::now();
            let result = tokio::select! {
                () = &mut shutdown => return,
                result = self.look() => result,
            };
            if let Err(error) = result {
                let error = chain(&error);
                tracing::warn!(
                    target: "hookyard::overload", error, "cannot count unhandled events"
                );
            }

            let pause = PERIOD.max(began.elapsed() * PAUSE_FACTOR);
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn look(&self) -> Result<(), Error> {
        // What happens during the count belongs to the next look.
        let before = self.begin_look();
        let counts: BTreeMap<_, _> = self.store.unhandled().await?.into_iter().collect();

        let now = Instant::now();
        let mut state = self.handle.state();
        let State { limits, tenants } = &mut *state;
        for tenant in counts.keys() {
            let flow = tenants.entry(tenant.clone());
            flow.or_insert_with(|| Flow::new(tenant));
        }
        for (tenant, flow) in tenants.iter_mut() {
            let (stored, handled) = before.get(tenant).copied().unwrap_or_default();
            flow.stored -= stored;
            flow.handled -= handled;
            let unhandled = counts.get(tenant).copied().unwrap_or_default();
            flow.gauge.set(unhandled as f64);

            let look = Look { unhandled, handled };
            if let Some(notice) = flow.gate.look(look, limits, now) {
                log(tenant, &notice);
            }
        }
        Ok(())
    }

    fn begin_look(&self) -> HashMap<TenantName, (u64, u64)> {
        let state = self.handle.state();
        let flows = state.tenants.iter();
        flows
            .map(|(tenant, flow)| (tenant.clone(), (flow.stored, flow.handled)))
            .collect()
    }
}

fn log(tenant: &TenantName, notice: &Notice) {
    match notice {
        Notice::Full { unhandled, max } => tracing::warn!(
            target: "hookyard::overload", %tenant, unhandled, max,
            "as many events are unhandled as `unhandled_max` in [ingress] allows; new ones are \
             answered with 503 until a tenth of them is handled"
        ),
        Notice::Outrun {
            unhandled,
            stored,
            handled,
            time,
            is_closed: true,
        } => tracing::warn!(
            target: "hookyard::overload", %tenant, unhandled, stored, handled, ?time,
            "events arrive faster than plugins handle them; new ones are answered with 503 until a \
             tenth of the unhandled ones is handled"
        ),
        Notice::Outrun {
            unhandled,
            stored,
            handled,
            time,
            is_closed: false,
        } => tracing::warn!(
            target: "hookyard::overload", %tenant, unhandled, stored, handled, ?time,
            "events arrive faster than plugins handle them, and senders are not slowed down; set \
             `unhandled_max` in [ingress] to limit the unhandled events of a tenant"
        ),
        Notice::Over { unhandled } => tracing::info!(
            target: "hookyard::overload", %tenant, unhandled,
            "plugins keep up with the events again"
        ),
    }
}
