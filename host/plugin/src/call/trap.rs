//! Turns the error of a failed call into an outcome with one readable line.

use hookyard_model::{Limit, Outcome, TimeLimit};
use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::advice;
use super::budget::LimitExceeded;
use super::host_fault::HostFault;
use super::state::State;
use crate::engine::STACK_BYTES_MAX;
use crate::limits::Limits;
use crate::terms::Terms;
use crate::text::one_line;

/// The maximum size of the guest's own words in the message of a trap, in bytes.
const WORDS_BYTES_MAX: usize = 512;

/// The guest used up its processor time.
#[derive(Debug, thiserror::Error)]
#[error("the guest has used up its processor time")]
pub(crate) struct CpuTimeExceeded;

/// Returns the outcome of a call that ended with an error.
///
/// If the guest was denied something before it failed, the denial is the reason. Otherwise the
/// guest's last words say more than the kind of its trap does.
///
/// # Errors
///
/// Returns the host's fault if the host caused the error.
pub(super) fn outcome(error: &wasmtime::Error, state: &State) -> Result<Outcome, HostFault> {
    let limits = &state.terms.limits;
    if error.is::<CpuTimeExceeded>() {
        return Ok(Outcome::TimedOut {
            limit: TimeLimit::Cpu,
            max: limits.cpu_max,
        });
    }
    if let Some(exceeded) = error.downcast_ref::<LimitExceeded>() {
        return Ok((*exceeded).into());
    }
    if let Some(fault) = HostFault::of(error) {
        return Err(fault);
    }

    if let Some(denial) = state.denial() {
        return Ok(denial);
    }
    if let Some(exceeded) = exceeded_engine_limit(error, limits) {
        return Ok(exceeded.into());
    }
    let message = trap_message(state.output.last_words(), &description(error), &state.terms);
    Ok(Outcome::Trapped { message })
}

/// Returns the guest's last words followed by the kind of the trap, and the way out if it is known.
fn trap_message(words: Option<String>, kind: &str, terms: &Terms) -> String {
    let message = match words {
        None => kind.to_owned(),
        // The words are cut first, so that the kind of the trap is shown even if they are long.
        Some(words) => {
            let bytes_max = WORDS_BYTES_MAX.min(terms.limits.log_line_max / 2);
            format!("{} ({kind})", one_line(&words, bytes_max))
        }
    };
    match advice::of(&message) {
        Some(advice) => terms.line(&format!("{message}; {advice}")),
        None => terms.line(&message),
    }
}

/// Returns the limit that the engine itself enforced, if one was exceeded.
///
/// The engine reports some of its limits by their message only. Tests assert that these messages
/// stay the same.
fn exceeded_engine_limit(error: &wasmtime::Error, limits: &Limits) -> Option<LimitExceeded> {
    let exceeded = |limit, max: usize| {
        Some(LimitExceeded {
            limit,
            max: max as u64,
        })
    };
    if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return exceeded(Limit::Stack, STACK_BYTES_MAX);
    }
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        return exceeded(Limit::Handles, limits.handles_max);
    }

    let message = error.root_cause().to_string();
    if message.contains("fuel allocated for hostcalls has been exhausted") {
        exceeded(Limit::TransferBytes, limits.transfer_max)
    } else if message.contains("store handle limit exceeded") {
        exceeded(Limit::Handles, limits.handles_max)
    } else if message.contains("resource limit exceeded: ") {
        exceeded(Limit::Instances, limits.instances_max)
    } else {
        None
    }
}

/// Returns the cause of the trap and the function that trapped.
fn description(error: &wasmtime::Error) -> String {
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return format!("the guest ended itself with exit status {}", exit.0);
    }

    let kind = match error.downcast_ref::<Trap>() {
        Some(trap) => trap
            .to_string()
            .trim_start_matches("wasm trap: ")
            .to_owned(),
        None => error.root_cause().to_string(),
    };
    match innermost_function(error) {
        Some(function) => format!("{kind}, in {function}"),
        None => kind,
    }
}

/// Returns the name of the function in which the error happened, if the component has names.
fn innermost_function(error: &wasmtime::Error) -> Option<String> {
    let frame = error.downcast_ref::<WasmBacktrace>()?.frames().first()?;
    frame
        .symbols()
        .first()
        .and_then(|symbol| symbol.name())
        .or_else(|| frame.func_name())
        .map(str::to_owned)
}
