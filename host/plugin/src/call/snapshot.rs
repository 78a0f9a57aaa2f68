//! Initializes an instance and reads its memories and globals, for a snapshot of its component.

use std::time::Instant;

use hookyard_model::Outcome;
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, Instance, Lift, WasmList};
use wasmtime_wizer::ComponentInstanceState;

use super::host_fault::HostFault;
use super::meter::Meter;
use super::services::HostServices;
use super::slots::Slot;
use super::state::State;
use super::{Callee, end_or_yield};
use crate::load::snapshot::wizer;

/// Why there is no snapshot.
pub(crate) enum SnapshotError {
    /// The host failed.
    Host(HostFault),
    /// The component cannot be initialized or has a state that cannot be kept, for this reason.
    Component(String),
}

impl From<HostFault> for SnapshotError {
    fn from(fault: HostFault) -> Self {
        Self::Host(fault)
    }
}

impl Callee<'_> {
    /// Initializes an instance of the instrumented component, and returns `component` with the
    /// state of the instance. The limits of an attempt apply.
    ///
    /// # Errors
    ///
    /// Fails if the initialization fails, if the state cannot be kept, or if the host fails.
    pub(crate) async fn snapshot(
        &self,
        component: &[u8],
        function: &ComponentExportIndex,
    ) -> Result<Vec<u8>, SnapshotError> {
        let limits = &self.terms.limits;
        let mut slot = self.fresh_slot(&HostServices::none()).await;
        let _running = self.engine.ticker.running();
        let meter = Meter::new();
        slot.store.set_epoch_deadline(1);
        slot.store
            .epoch_deadline_callback(end_or_yield(limits, &meter));

        let call = meter.measure(self.initialize(&mut slot, function));
        let ended = tokio::time::timeout(limits.wall_max, call).await;
        let outcome = self.outcome(ended, slot.store.data())?;
        if outcome != Outcome::Done {
            return Err(SnapshotError::Component(outcome.to_string()));
        }
        read(slot, component)
            .await
            .map_err(|error| match HostFault::of(&error) {
                Some(fault) => SnapshotError::Host(fault),
                None => SnapshotError::Component(format!("{error:#}")),
            })
    }

    async fn initialize(
        &self,
        slot: &mut Slot,
        function: &ComponentExportIndex,
    ) -> wasmtime::Result<Outcome> {
        let instance = self.instances.instantiate_async(&mut slot.store).await?;
        slot.store.data_mut().instantiated_at = Some(Instant::now());
        slot.instance = Some(instance);

        let initialize = instance
            .get_typed_func::<(), ()>(&mut slot.store, function)
            .map_err(|_| {
                wasmtime::Error::msg("it is not a function without parameters and results")
            })?;
        initialize.call_async(&mut slot.store, ()).await?;
        Ok(Outcome::Done)
    }
}

/// Returns the component with the state of the initialized instance.
async fn read(mut slot: Slot, component: &[u8]) -> wasmtime::Result<Vec<u8>> {
    // The snapshot has memories and globals, and no handles.
    let resources = slot.store.data_mut().resources.iter_mut().count();
    if resources > 0 {
        return Err(wasmtime::Error::msg(format!(
            "it still holds {resources} resources of the host, such as an open stream; drop them"
        )));
    }
    let Some(instance) = slot.instance else {
        return Err(wasmtime::Error::msg("there is no instance"));
    };

    // The functions that read the state are the host's own. They pass whole memories, and end soon.
    slot.store.set_hostcall_fuel(usize::MAX);
    slot.store.epoch_deadline_async_yield_and_update(1);
    let mut reader = Reader {
        store: &mut slot.store,
        instance,
        error: None,
    };
    let wizer = wizer();
    let (context, _) = wizer.instrument_component(component)?;
    let snapshot = wizer.snapshot_component(&context, &mut reader).await?;

    match reader.error {
        Some(error) => Err(error),
        None => Ok(snapshot),
    }
}

/// Reads the state of an instance through the functions of the instrumented component.
struct Reader<'s> {
    store: &'s mut Store<State>,
    instance: Instance,
    /// The first error. The snapshot is not used then.
    error: Option<wasmtime::Error>,
}

impl Reader<'_> {
    async fn call<R: Lift + Send + Sync + 'static>(
        &mut self,
        instance: &str,
        function: &str,
    ) -> Option<R> {
        match self.try_call(instance, function).await {
            Ok(result) => Some(result),
            Err(error) => {
                self.error.get_or_insert(error);
                None
            }
        }
    }

    async fn try_call<R: Lift + Send + Sync + 'static>(
        &mut self,
        instance: &str,
        function: &str,
    ) -> wasmtime::Result<R> {
        let missing = || wasmtime::Error::msg("its state cannot be read");
        let instance = self
            .instance
            .get_export_index(&mut *self.store, None, instance)
            .ok_or_else(missing)?;
        let function = self
            .instance
            .get_export_index(&mut *self.store, Some(&instance), function)
            .ok_or_else(missing)?;

        let function = self
            .instance
            .get_typed_func::<(), (R,)>(&mut *self.store, function)?;
        let (result,) = function.call_async(&mut *self.store, ()).await?;
        Ok(result)
    }
}

impl ComponentInstanceState for Reader<'_> {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        match self.call::<WasmList<u8>>(instance, func).await {
            Some(list) => contents(list.as_le_slice(&self.store)),
            None => contents(&[]),
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.call(instance, func).await.unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.call(instance, func).await.unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        let value: Option<f32> = self.call(instance, func).await;
        value.unwrap_or_default().to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        let value: Option<f64> = self.call(instance, func).await;
        value.unwrap_or_default().to_bits()
    }
}
