//! What a failed call came to, in one readable line.

use hookyard_model::{Outcome, Time};
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::Limits;
use crate::call::CpuUsedUp;
use crate::effects::Unreadable;
use crate::text::one_line;

/// The outcome of a call that ended in an error. A guest that was denied memory and then failed, failed of that.
pub(crate) fn outcome(error: &wasmtime::Error, was_denied_memory: bool, limits: &Limits) -> Outcome {
    if error.is::<CpuUsedUp>() {
        return Outcome::TimedOut { time: Time::Cpu, limit: limits.cpu_max };
    }
    if let Some(unreadable) = error.downcast_ref::<Unreadable>() {
        // No fault of the plugin's: it's run again later.
        return Outcome::Retry { reason: unreadable.to_string(), after: None };
    }
    if was_denied_memory {
        return Outcome::OutOfMemory { limit: limits.memory_max };
    }
    Outcome::Trapped { message: one_line(&message(error), limits.log_line_bytes_max) }
}

fn message(error: &wasmtime::Error) -> String {
    let what = match (error.downcast_ref::<I32Exit>(), error.downcast_ref::<Trap>()) {
        (Some(exit), _) => return format!("the guest ended itself with exit status {}", exit.0),
        (None, Some(trap)) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
        (None, None) => error.root_cause().to_string(),
    };
    match innermost_function(error) {
        Some(function) => format!("{what}, in {function}"),
        None => what,
    }
}

/// The function that it happened in, where the component has names.
fn innermost_function(error: &wasmtime::Error) -> Option<String> {
    let frame = error.downcast_ref::<WasmBacktrace>()?.frames().first()?;
    frame.symbols().first().and_then(|symbol| symbol.name()).or_else(|| frame.func_name()).map(str::to_owned)
}
