//! The state of a wasmtime store: everything that the host holds for one call.
//!
//! If an instance handles another event, the call before has left its resources and what counts
//! towards the memory of the instance. Everything else begins anew.
//!
//! What only some guests use is made when it is first used: the context of WASI, and that of requests.
//!
//! Host functions reach the state through [`State::entered`], [`WasiView::ctx`] or a view of their
//! own. Each of these counts the call, so that no call of a host function goes uncounted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use hookyard_model::{Clock, Effects, Outcome};
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::types::HostFutureIncomingResponse;

use super::accountant::Accountant;
use super::budget::Budget;
use super::calls::Calls;
use super::output::Output;
use super::services::HostServices;
use super::stage::Stage;
use super::wasi;
use crate::capability::http::client::HttpClient;
use crate::capability::http::requests::Requests;
use crate::effects::Buffer;
use crate::terms::Terms;

/// The maximum number of resources of the host that an idle instance may hold.
const IDLE_RESOURCES_MAX: usize = 64;

/// The state of one call.
pub(crate) struct State {
    wasi: Option<WasiCtx>,
    stage: Option<Stage>,
    accountant: Accountant,
    pub(crate) resources: ResourceTable,
    pub(crate) terms: Arc<Terms>,
    /// The settings that `wasi:config` returns.
    pub(crate) config: Arc<BTreeMap<String, String>>,
    pub(crate) effects: Buffer,
    requests: Option<Requests>,
    http: Arc<dyn HttpClient>,
    pub(crate) output: Output,
    pub(crate) budget: Budget,
    pub(crate) calls: Calls,
    pub(crate) clock: Arc<dyn Clock>,
    /// The time at which the instance was ready.
    pub(super) instantiated_at: Option<Instant>,
}

impl State {
    /// Creates the state of a call. The clock and the settings are those of the rehearsal's stage, if
    /// it has its own.
    pub(super) fn new(terms: &Arc<Terms>, services: &HostServices, clock: &Arc<dyn Clock>) -> Self {
        let limits = &terms.limits;
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(limits.handles_max);

        let stage = services.stage.as_ref();
        let clock: Arc<dyn Clock> = match stage {
            Some(stage) => Arc::new(stage.clone()),
            None => Arc::clone(clock),
        };
        let config = stage.and_then(Stage::config).unwrap_or(&terms.config);
        let budget = Budget::new(limits);
        let output = Output::new(terms, &budget);

        Self {
            wasi: None,
            stage: services.stage.clone(),
            accountant: Accountant::new(limits),
            resources,
            effects: Buffer::new(services.source(), terms, &budget),
            requests: None,
            http: Arc::clone(&services.http),
            terms: Arc::clone(terms),
            config: Arc::clone(config),
            output,
            budget,
            calls: Calls::default(),
            clock,
            instantiated_at: None,
        }
    }

    /// Counts a call of a host function, and returns the state to that function.
    pub(crate) fn entered(&mut self) -> &mut Self {
        self.budget.count_call();
        self
    }

    pub(super) fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.accountant
    }

    /// Returns the outcome of a guest that failed after the host refused an allocation or an
    /// effect.
    pub(super) fn denial(&self) -> Option<Outcome> {
        self.accountant.denial().or_else(|| self.effects.denial())
    }

    pub(super) fn memory_used(&self) -> u64 {
        self.accountant.memory_used()
    }

    /// Returns the data that the attempt commits: its effects and the recorded answers to its HTTP
    /// requests.
    pub(super) fn take_effects(&mut self) -> Effects {
        let requests = self.requests.take();
        Effects {
            answers: requests.map_or_else(Vec::new, Requests::into_recorded),
            ..self.effects.take_effects()
        }
    }

    /// Prepares the state for another call of the same instance.
    pub(super) fn begin(&mut self, services: &HostServices) {
        self.budget.begin();
        self.output.begin();
        self.accountant.begin();
        self.instantiated_at = None;
        self.effects = Buffer::new(services.source(), &self.terms, &self.budget);
        self.requests = None;
        self.calls = Calls::default();
        self.http = Arc::clone(&services.http);
    }

    /// Returns the requests of the attempt, and the table of its resources.
    pub(crate) fn requests(&mut self) -> (&mut Requests, &mut ResourceTable) {
        let requests = self.requests.get_or_insert_with(|| {
            Requests::new(
                &self.terms,
                &self.http,
                &self.output,
                &self.budget,
                &self.calls,
            )
        });
        (requests, &mut self.resources)
    }

    /// Whether the instance may handle another event after a call that returned.
    ///
    /// The next event would pay for memory and resources that the instance still holds, so there
    /// must be enough left of both. A request must not go on after its attempt.
    pub(super) fn can_be_reused(&mut self) -> bool {
        let (mut resources, mut has_request) = (0, false);
        for resource in self.resources.iter_mut() {
            resources += 1;
            has_request |= resource.is::<HostFutureIncomingResponse>();
        }

        self.denial().is_none()
            && self.memory_used() <= self.terms.limits.memory_max / 2
            && resources <= IDLE_RESOURCES_MAX
            && !has_request
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.budget.count_call();
        let wasi = self
            .wasi
            .get_or_insert_with(|| wasi::context(&self.clock, self.stage.as_ref(), &self.output));
        WasiCtxView {
            ctx: wasi,
            table: &mut self.resources,
        }
    }
}
