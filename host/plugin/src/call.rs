//! Calls a handler once, with the limits of its plugin: in a fresh store and a fresh instance, or in
//! an instance that handled an earlier event of the plugin, if the operator allows that.
//!
//! Two limits bound the time of a call. The guest's own running time is read at each epoch, where
//! the guest also yields to other tasks. When that time is used up, the epoch becomes a trap, so an
//! endless loop ends. The wall time is measured around everything, including the instantiation.
//! When it is over, the call is dropped with all it holds.

pub(crate) mod budget;
pub(crate) mod calls;
pub(crate) mod failure;
pub(crate) mod host_fault;
pub(crate) mod meter;
pub(crate) mod output;
pub(crate) mod services;
pub(crate) mod slots;
pub(crate) mod snapshot;
pub(crate) mod stage;
pub(crate) mod state;
pub(crate) mod wasi;

mod accountant;
mod advice;
mod last_words;
pub(crate) mod trap;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use hookyard_dispatch::{HostCall, Measures};
use hookyard_model::{Effects, LogLine, Outcome, TimeLimit};
use hookyard_store::ClaimedJob;
use tokio::time::error::Elapsed;
use wasmtime::component::{ComponentExportIndex, Instance, InstancePre, Val};
use wasmtime::{Store, UpdateDeadline};

use self::calls::Calls;
use self::host_fault::HostFault;
use self::meter::Meter;
use self::services::HostServices;
use self::slots::{IdleInstances, Slot};
use self::state::State;
use self::trap::CpuTimeExceeded;
use crate::engine::Engine;
use crate::handler::untyped::{self, DirectDelivery, DirectFailure, DirectMessage};
use crate::limits::Limits;
use crate::terms::Terms;

/// A loaded component and everything that is needed to call it.
pub(crate) struct Callee<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) terms: &'a Arc<Terms>,
    pub(crate) instances: &'a InstancePre<State>,
    /// The idle instances, if an instance may be reused.
    pub(crate) idle: Option<&'a IdleInstances>,
}

/// The function to call, and its arguments.
pub(crate) struct Invocation<'a> {
    pub(crate) function: &'a ComponentExportIndex,
    pub(crate) arguments: Arguments<'a>,
    /// Whether the handler may respond to the request of its event.
    pub(crate) may_respond: bool,
    /// Records the guest's calls of host functions.
    pub(crate) calls: Calls,
}

/// The arguments of a handler.
pub(crate) enum Arguments<'a> {
    /// Values that were made by reflection.
    Values([Val; 2]),
    /// The arguments of the untyped handler as our own WIT declares it. The bytes are passed as
    /// they are.
    Direct {
        /// The job, with the event's headers.
        job: &'a ClaimedJob,
        /// The event's bytes.
        content: &'a [u8],
    },
}

/// The result of a call.
#[derive(Debug)]
pub(crate) struct CallResult {
    pub(crate) outcome: Outcome,
    pub(crate) log: Vec<LogLine>,
    /// The effects. Empty unless the outcome is `Done`.
    pub(crate) effects: Effects,
    pub(crate) measures: Measures,
    /// The guest's calls of host functions, if the trace of the event is recorded.
    pub(crate) host_calls: Vec<HostCall>,
}

impl CallResult {
    /// Returns the result of an attempt that ended before anything was called.
    pub(crate) fn without_call(outcome: Outcome) -> Self {
        Self {
            outcome,
            log: Vec::new(),
            effects: Effects::default(),
            measures: Measures::default(),
            host_calls: Vec::new(),
        }
    }
}

impl Callee<'_> {
    /// Calls a handler once.
    ///
    /// # Errors
    ///
    /// Fails only if the host itself fails. Everything that the guest does wrong is an outcome.
    pub(crate) async fn call(
        &self,
        invocation: Invocation<'_>,
        services: &HostServices,
    ) -> Result<CallResult, HostFault> {
        self.run(Some(invocation), services).await
    }

    /// Makes an instance and calls none of its functions.
    ///
    /// # Errors
    ///
    /// Fails only if the host itself fails, as [`call`](Self::call) does.
    pub(crate) async fn start(&self, services: &HostServices) -> Result<CallResult, HostFault> {
        self.run(None, services).await
    }

    async fn run(
        &self,
        invocation: Option<Invocation<'_>>,
        services: &HostServices,
    ) -> Result<CallResult, HostFault> {
        let limits = &self.terms.limits;
        let mut slot = match self.idle_slot(services) {
            Some(slot) => slot,
            None => self.fresh_slot(services).await,
        };
        if let Some(invocation) = &invocation {
            let state = slot.store.data_mut();
            state.effects.let_respond(invocation.may_respond);
            state.calls = invocation.calls.clone();
        }
        // A plugin is not to blame for the time that it waits for a permit, so its own time starts
        // here.
        let meter = Meter::new();
        let _running = self.engine.ticker.running();
        slot.store.set_epoch_deadline(1);
        slot.store
            .epoch_deadline_callback(end_or_yield(limits, &meter));

        let began = Instant::now();
        let call = meter.measure(self.call_in(&mut slot, invocation));
        let ended = tokio::time::timeout(limits.wall_max, call).await;

        let state = slot.store.data_mut();
        let has_returned = matches!(ended, Ok(Ok(_))) && state.budget.exceeded().is_none();
        let measures = measures(state, began, &meter);
        let outcome = self.outcome(ended, state)?;

        let log = state.output.take();
        let host_calls = state.calls.take();
        let effects = Some(state.take_effects()).filter(|_| outcome == Outcome::Done);
        if has_returned {
            self.keep(slot);
        }
        Ok(CallResult {
            outcome,
            log,
            effects: effects.unwrap_or_default(),
            measures,
            host_calls,
        })
    }

    /// Returns the outcome of a call that ended within `wall_max`, or did not.
    fn outcome(
        &self,
        ended: Result<wasmtime::Result<Outcome>, Elapsed>,
        state: &State,
    ) -> Result<Outcome, HostFault> {
        Ok(match (ended, state.budget.exceeded()) {
            (Err(_elapsed), _) => Outcome::TimedOut {
                limit: TimeLimit::Wall,
                max: self.terms.limits.wall_max,
            },
            (_, Some(exceeded)) => exceeded.into(),
            (Ok(Ok(outcome)), None) => outcome,
            (Ok(Err(error)), None) => trap::outcome(&error, state)?,
        })
    }

    /// Returns the slot of an idle instance, ready for another attempt.
    fn idle_slot(&self, services: &HostServices) -> Option<Slot> {
        let mut slot = self.idle?.take()?;
        slot.store.data_mut().begin(services);
        Some(slot)
    }

    /// Waits for a slot, and creates a store in it.
    async fn fresh_slot(&self, services: &HostServices) -> Slot {
        let permit = self.engine.slots.permit().await;
        Slot {
            store: self.store(services),
            instance: None,
            events: 0,
            _permit: permit,
        }
    }

    /// Keeps the instance of an attempt that ended well, if the operator allows that.
    fn keep(&self, mut slot: Slot) {
        slot.events += 1;
        if let (Some(idle), Some(reuse)) = (self.idle, self.terms.reuse)
            && slot.events < reuse.events
            && slot.store.data_mut().can_be_reused()
        {
            idle.keep(slot, reuse.idle);
        }
    }

    fn store(&self, services: &HostServices) -> Store<State> {
        let limits = &self.terms.limits;
        let state = State::new(self.terms, services, &self.engine.clock);
        let mut store = Store::new(self.instances.engine(), state);

        store.limiter(State::limiter);
        store.set_hostcall_fuel(limits.transfer_max);
        store.set_max_component_handles(limits.handles_max);
        store
    }

    async fn call_in(
        &self,
        slot: &mut Slot,
        invocation: Option<Invocation<'_>>,
    ) -> wasmtime::Result<Outcome> {
        let store = &mut slot.store;
        let instance = match slot.instance {
            Some(instance) => instance,
            None => {
                let fresh = self.instances.instantiate_async(&mut *store).await?;
                *slot.instance.insert(fresh)
            }
        };
        store.data_mut().instantiated_at = Some(Instant::now());

        let Some(Invocation {
            function,
            arguments,
            ..
        }) = invocation
        else {
            return Ok(Outcome::Done);
        };
        match arguments {
            Arguments::Values(values) => {
                let result = call_with_values(store, &instance, function, &values).await?;
                Ok(failure::outcome(result, self.terms))
            }
            Arguments::Direct { job, content } => {
                let arguments = untyped::direct_arguments(job, content);
                let result = call_directly(store, &instance, function, arguments).await?;
                Ok(match result {
                    Ok(()) => Outcome::Done,
                    Err(DirectFailure::Retry(retry)) => {
                        failure::retry(&retry.reason, retry.after, self.terms)
                    }
                    Err(DirectFailure::Reject(reason)) => failure::rejected(&reason, self.terms),
                })
            }
        }
    }
}

async fn call_with_values(
    store: &mut Store<State>,
    instance: &Instance,
    function: &ComponentExportIndex,
    values: &[Val; 2],
) -> wasmtime::Result<Val> {
    let function = instance
        .get_func(&mut *store, function)
        .ok_or_else(|| wasmtime::Error::msg("the instance does not have the handler"))?;

    let mut results = [Val::Bool(false)];
    function.call_async(store, values, &mut results).await?;
    let [result] = results;
    Ok(result)
}

async fn call_directly(
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

/// Returns the resources that an ended call used. A call without an instance spent all its time on
/// the instantiation.
fn measures(state: &State, began: Instant, meter: &Meter) -> Measures {
    let ended = Instant::now();
    let instantiated = state.instantiated_at.unwrap_or(ended);

    Measures {
        instantiate: instantiated - began,
        run: ended - instantiated,
        cpu: meter.total(),
        memory_bytes: state.memory_used(),
        host_calls: state.budget.calls(),
        host_bytes: state.budget.bytes(),
        ..Measures::default()
    }
}

/// Returns the action at each epoch: a trap if a limit is used up, otherwise a turn for the other
/// tasks of this thread.
fn end_or_yield(
    limits: &Limits,
    meter: &Meter,
) -> impl FnMut(wasmtime::StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline>
+ Send
+ Sync
+ 'static {
    let cpu_max = limits.cpu_max;
    let meter = meter.clone();

    move |store| {
        if meter.used() >= cpu_max {
            return Err(CpuTimeExceeded.into());
        }
        if let Some(exceeded) = store.data().budget.exceeded() {
            return Err(exceeded.into());
        }

        let turn = Box::pin(tokio::task::yield_now());
        Ok(UpdateDeadline::YieldCustom(1, turn))
    }
}
