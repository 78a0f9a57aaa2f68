//! One call of a handler: a fresh store, a fresh instance, the call, and what it came to.
//!
//! Time is bounded twice. The guest's own running time is read at each epoch, where the guest also gives way to other
//! tasks; when it is used up the epoch becomes a trap, so a loop ends. The wall deadline lies outside of everything,
//! instantiation included: when it passes, the call is dropped as it is, with all that it had.

use std::sync::Arc;
use std::time::Instant;

use hookyard_dispatch::Measures;
use hookyard_model::{Clock, Effects, LogLine, Outcome, TimeLimit};
use hookyard_store::ClaimedJob;
use wasmtime::component::{ComponentExportIndex, Instance, ResourceTable, Val};
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::budget::Budget;
use crate::capability::Requests;
use crate::effects::Buffer;
use crate::host_fault::HostFault;
use crate::limits::Accountant;
use crate::load::Terms;
use crate::meter::Meter;
use crate::output::Output;
use crate::stage::Stage;
use crate::untyped::{self, DirectDelivery, DirectFailure, DirectMessage};
use crate::{Limits, Loaded, failure, trap};

/// Random bytes that a guest may ask for at once.
const RANDOM_BYTES_MAX: u64 = 64 << 10;

/// What a store holds.
pub(crate) struct State {
    wasi: WasiCtx,
    pub(crate) resources: ResourceTable,
    pub(crate) terms: Arc<Terms>,
    pub(crate) effects: Buffer,
    pub(crate) requests: Requests,
    pub(crate) output: Output,
    pub(crate) budget: Budget,
    pub(crate) clock: Arc<dyn Clock>,
    accountant: Accountant,
    /// When the instance was there.
    instantiated_at: Option<Instant>,
}

impl State {
    /// What each of the host's functions is reached through, so that none of their calls goes uncounted.
    pub(crate) fn entered(&mut self) -> &mut Self {
        self.budget.call();
        self
    }

    /// What the guest failed of, if it failed: what it was denied before.
    fn denial(&self) -> Option<Outcome> {
        self.accountant.denial().or_else(|| self.effects.denial())
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.budget.call();
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.resources,
        }
    }
}

/// What a handler is called with.
pub(crate) enum Arguments<'a> {
    /// Values made by reflection.
    Values([Val; 2]),
    /// The untyped handler of our own WIT, with the bytes as they are.
    Direct {
        /// The job.
        job: &'a ClaimedJob,
        /// The event's bytes.
        content: &'a [u8],
    },
}

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) log: Vec<LogLine>,
    /// None unless the outcome is `Done`.
    pub(crate) effects: Effects,
    pub(crate) measures: Measures,
}

impl Ended {
    /// Nothing was run.
    pub(crate) fn unrun(outcome: Outcome) -> Self {
        Self {
            outcome,
            log: Vec::new(),
            effects: Effects::default(),
            measures: Measures::default(),
        }
    }
}

/// The guest has run as long as it may.
#[derive(Debug, thiserror::Error)]
#[error("the guest has run as long as it may")]
pub(crate) struct CpuUsedUp;

/// Calls a handler once.
pub(crate) async fn call(
    loaded: &Loaded,
    function: &ComponentExportIndex,
    arguments: Arguments<'_>,
    effects: Buffer,
) -> Result<Ended, HostFault> {
    perform(loaded, Some((function, arguments)), effects).await
}

/// Makes an instance and calls nothing of it.
pub(crate) async fn start(loaded: &Loaded, effects: Buffer) -> Result<Ended, HostFault> {
    perform(loaded, None, effects).await
}

/// What is called of an instance, and with what.
type Call<'a> = (&'a ComponentExportIndex, Arguments<'a>);

async fn perform(
    loaded: &Loaded,
    call: Option<Call<'_>>,
    effects: Buffer,
) -> Result<Ended, HostFault> {
    let engine = &*loaded.engine;
    let terms = &loaded.terms;
    let limits = &terms.limits;
    // Waiting for a place is no fault of the plugin's, so its time begins after.
    let _place = engine
        .permits
        .acquire()
        .await
        .expect("the engine's permits are never closed");
    let _running = engine.ticker.running();
    let output = Output::new(terms, &effects.budget);
    let meter = Meter::new();
    let mut store = store(loaded, &output, &meter, effects);
    let began = Instant::now();
    let run = run(&mut store, loaded, call);
    let ended = tokio::time::timeout(limits.wall_max, meter.measure(run)).await;
    // The place in the pool is free only once the store is gone.
    let state = store.into_data();
    let measures = measures(&state, began, &meter);
    let outcome = match (ended, state.budget.excess()) {
        (Err(_elapsed), _) => Outcome::TimedOut {
            limit: TimeLimit::Wall,
            max: limits.wall_max,
        },
        (_, Some(excess)) => excess.into(),
        (Ok(Ok(outcome)), None) => outcome,
        (Ok(Err(error)), None) => {
            trap::outcome(&error, state.denial(), output.last_words(), terms)?
        }
    };
    let effects = match outcome {
        Outcome::Done => Effects {
            answers: state.requests.into_recorded(),
            ..state.effects.into_effects()
        },
        _ => Effects::default(),
    };
    Ok(Ended {
        outcome,
        log: output.take(),
        effects,
        measures,
    })
}

/// What a call took that has ended by now. Until its instance is there, it is being instantiated.
fn measures(state: &State, began: Instant, meter: &Meter) -> Measures {
    let ended = Instant::now();
    let instantiated = state.instantiated_at.unwrap_or(ended);
    Measures {
        instantiate: instantiated - began,
        run: ended - instantiated,
        cpu: meter.total(),
        memory_bytes: state.accountant.memory_used(),
        host_calls: state.budget.calls(),
        host_bytes: state.budget.bytes_used(),
        ..Measures::default()
    }
}

async fn run(
    store: &mut Store<State>,
    loaded: &Loaded,
    call: Option<Call<'_>>,
) -> wasmtime::Result<Outcome> {
    let instance = loaded.instances.instantiate_async(&mut *store).await?;
    store.data_mut().instantiated_at = Some(Instant::now());
    let line = |text: &str| loaded.terms.line(text);
    let Some((function, arguments)) = call else {
        return Ok(Outcome::Done);
    };
    match arguments {
        Arguments::Values(values) => {
            let function = instance
                .get_func(&mut *store, function)
                .ok_or_else(|| wasmtime::Error::msg("the handler is gone from the instance"))?;
            let mut results = [Val::Bool(false)];
            function
                .call_async(&mut *store, &values, &mut results)
                .await?;
            let [result] = results;
            Ok(failure::outcome(result, &line))
        }
        Arguments::Direct { job, content } => {
            let arguments = untyped::direct(job, content);
            let failed = call_direct(store, &instance, function, arguments).await?;
            Ok(match failed {
                Ok(()) => Outcome::Done,
                Err(DirectFailure::Retry(retry)) => {
                    failure::retry(&retry.reason, retry.after, &line)
                }
                Err(DirectFailure::Reject(reason)) => failure::rejected(&reason, &line),
            })
        }
    }
}

async fn call_direct(
    store: &mut Store<State>,
    instance: &Instance,
    function: &ComponentExportIndex,
    arguments: (DirectDelivery<'_>, DirectMessage<'_>),
) -> wasmtime::Result<Result<(), DirectFailure>> {
    let function = instance
        .get_typed_func::<(DirectDelivery<'_>, DirectMessage<'_>), (Result<(), DirectFailure>,)>(
            &mut *store,
            function,
        )?;
    let (result,) = function.call_async(store, arguments).await?;
    Ok(result)
}

fn store(loaded: &Loaded, output: &Output, meter: &Meter, effects: Buffer) -> Store<State> {
    let limits = &loaded.terms.limits;
    let mut resources = ResourceTable::new();
    resources.set_max_capacity(limits.handles_max);
    let stage = effects.stage();
    let clock = stage.map_or_else(
        || Arc::clone(&loaded.engine.clock),
        |stage| Arc::new(stage.clone()),
    );
    let state = State {
        wasi: wasi(&clock, stage, output),
        clock,
        resources,
        terms: Arc::clone(&loaded.terms),
        requests: Requests::new(&loaded.terms, effects.http(), output, &effects.budget),
        output: output.clone(),
        budget: effects.budget.clone(),
        effects,
        accountant: Accountant::new(limits),
        instantiated_at: None,
    };
    let mut store = Store::new(loaded.instances.engine(), state);
    store.limiter(|state| &mut state.accountant);
    store.set_hostcall_fuel(limits.transfer_max);
    store.set_max_component_handles(limits.handles_max);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(end_or_give_way(limits, meter));
    store
}

/// At each epoch: a trap where time or something else is used up, else a turn for the other tasks of this thread.
fn end_or_give_way(
    limits: &Limits,
    meter: &Meter,
) -> impl FnMut(wasmtime::StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline>
+ Send
+ Sync
+ 'static {
    let (cpu_max, meter) = (limits.cpu_max, meter.clone());
    move |store| {
        if meter.used() >= cpu_max {
            return Err(CpuUsedUp.into());
        }
        if let Some(excess) = store.data().budget.excess() {
            return Err(excess.into());
        }
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        ))
    }
}

/// Clocks, randomness and a log; no arguments, environment, files, names or addresses.
fn wasi(clock: &Arc<dyn Clock>, stage: Option<&Stage>, output: &Output) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    if let Some(stage) = stage {
        stage.set(&mut builder);
    }
    builder
        .stdout(output.stdout())
        .stderr(output.stderr())
        .wall_clock(WallClock(Arc::clone(clock)))
        .max_random_size(RANDOM_BYTES_MAX)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .socket_addr_check(|_, _| Box::pin(async { false }))
        .build()
}

struct WallClock(Arc<dyn Clock>);

impl HostWallClock for WallClock {
    fn resolution(&self) -> std::time::Duration {
        std::time::Duration::from_millis(1)
    }

    fn now(&self) -> std::time::Duration {
        let millis = self.0.now().unix_millis();
        std::time::Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}
