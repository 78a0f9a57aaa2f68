//! What a failed call came to, in one readable line.

use hookyard_model::{Limit, Outcome, TimeLimit};
use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::budget::Excess;
use crate::call::CpuUsedUp;
use crate::engine::STACK_BYTES_MAX;
use crate::host_fault::HostFault;
use crate::load::Terms;
use crate::text::one_line;

/// Bytes of the guest's own words that the message of a trap begins with.
const WORDS_BYTES_MAX: usize = 512;

/// The outcome of a call that ended in an error. A guest that was denied something and then failed, failed of that; else its
/// last words say more than the kind of its trap does.
pub(crate) fn outcome(
    error: &wasmtime::Error,
    denial: Option<Outcome>,
    last_words: Option<String>,
    terms: &Terms,
) -> Result<Outcome, HostFault> {
    let limits = &terms.limits;
    if error.is::<CpuUsedUp>() {
        return Ok(Outcome::TimedOut {
            limit: TimeLimit::Cpu,
            max: limits.cpu_max,
        });
    }
    if let Some(excess) = error.downcast_ref::<Excess>() {
        return Ok((*excess).into());
    }
    if let Some(fault) = HostFault::of(error) {
        return Err(fault);
    }

    let failed_of = denial.or_else(|| excess(error, limits).map(Outcome::from));
    Ok(failed_of.unwrap_or_else(|| Outcome::Trapped {
        message: told(last_words, &message(error), terms),
    }))
}

/// The words are cut first, so that the kind of the trap is told whatever their length.
fn told(words: Option<String>, kind: &str, terms: &Terms) -> String {
    let Some(words) = words else {
        return terms.line(kind);
    };
    let bytes_max = WORDS_BYTES_MAX.min(terms.limits.log_line_max / 2);
    terms.line(&format!("{} ({kind})", one_line(&words, bytes_max)))
}

/// A limit that the engine itself holds the guest to. Some are told by their words alone, which tests hold the engine to.
fn excess(error: &wasmtime::Error, limits: &crate::Limits) -> Option<Excess> {
    let excess = |limit, max: usize| {
        Some(Excess {
            limit,
            max: max as u64,
        })
    };
    if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return excess(Limit::Stack, STACK_BYTES_MAX);
    }
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        return excess(Limit::Handles, limits.handles_max);
    }
    let words = error.root_cause().to_string();
    if words.contains("fuel allocated for hostcalls has been exhausted") {
        excess(Limit::TransferBytes, limits.transfer_max)
    } else if words.contains("store handle limit exceeded") {
        excess(Limit::Handles, limits.handles_max)
    } else if words.contains("resource limit exceeded: ") {
        excess(Limit::Instances, limits.instances_max)
    } else {
        None
    }
}

fn message(error: &wasmtime::Error) -> String {
    let what = match (
        error.downcast_ref::<I32Exit>(),
        error.downcast_ref::<Trap>(),
    ) {
        (Some(exit), _) => return format!("the guest ended itself with exit status {}", exit.0),
        (None, Some(trap)) => trap
            .to_string()
            .trim_start_matches("wasm trap: ")
            .to_owned(),
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
    frame
        .symbols()
        .first()
        .and_then(|symbol| symbol.name())
        .or_else(|| frame.func_name())
        .map(str::to_owned)
}
