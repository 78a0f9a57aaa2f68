//! Runs a verifier for one request, in a fresh instance and within small limits.

use std::sync::Arc;
use std::time::Duration;

use hookyard_model::Timestamp;
use hookyard_schemes::Refusal;
use hookyard_schemes::component::{Accepted, Input};
use wasmtime::{Store, UpdateDeadline};

use super::LoadedVerifier;
use super::bindings::types;
use super::request::RequestHandle;
use super::state::State;
use super::turns::TenantTurns;
use crate::call::meter::Meter;
use crate::call::trap::CpuTimeExceeded;
use crate::text::one_line;

/// The maximum processor time of a verification.
const CPU_MAX: Duration = Duration::from_millis(100);
/// The maximum time of a verification, without the time that it waits for its turn.
const WALL_MAX: Duration = Duration::from_secs(1);
/// The maximum size of everything that a verifier passes to the host at once, in bytes.
const TRANSFER_BYTES_MAX: usize = 64 << 20;
/// The maximum size of a text that a verifier returns, in bytes.
const TEXT_BYTES_MAX: usize = 300;

/// Runs a verifier when it is the turn of the request.
///
/// # Errors
///
/// Returns the refusal of the verifier, or [`Refusal::VerifierFailed`] if it returned no verdict.
pub(super) async fn verify(
    verifier: &LoadedVerifier,
    turns: &TenantTurns,
    input: Input,
) -> Result<Accepted, Refusal> {
    let Ok(_turn) = turns.take().await else {
        return Err(failed("the host is shutting down"));
    };
    let meter = Meter::new();
    let _running = verifier.engine.ticker.running();
    let mut store = store(verifier, &meter);

    let call = meter.measure(call_in(verifier, &mut store, input));
    let verdict = match tokio::time::timeout(WALL_MAX, call).await {
        Err(_elapsed) => Err(failed(&format!("it took longer than {WALL_MAX:?}"))),
        Ok(Err(error)) => Err(failed(&reason(&error, store.data()))),
        Ok(Ok(verdict)) => Ok(verdict),
    }?;
    match verdict {
        Ok(accepted) => Ok(Accepted {
            id: accepted.id,
            signed_at: accepted.signed_at.map(timestamp),
        }),
        Err(refusal) => Err(refused(&refusal)),
    }
}

async fn call_in(
    verifier: &LoadedVerifier,
    store: &mut Store<State>,
    input: Input,
) -> wasmtime::Result<Result<types::Accepted, types::Refusal>> {
    let keys = Arc::clone(&input.keys);
    let resources = &mut store.data_mut().resources;
    let request = resources.push(RequestHandle(Arc::new(input)))?;
    let keys = keys
        .iter()
        .map(|key| resources.push(key.clone()))
        .collect::<Result<Vec<_>, _>>()?;

    let instance = verifier.instances.instantiate_async(&mut *store).await?;
    instance
        .hookyard_verifier_verification()
        .call_verify(store, request, &keys)
        .await
}

fn store(verifier: &LoadedVerifier, meter: &Meter) -> Store<State> {
    let engine = verifier.instances.engine();
    let mut store = Store::new(engine, State::new(&verifier.engine.clock));
    store.limiter(|state| &mut state.limits);
    store.set_hostcall_fuel(TRANSFER_BYTES_MAX);
    store.set_epoch_deadline(1);

    let meter = meter.clone();
    store.epoch_deadline_callback(move |store| {
        if meter.used() >= CPU_MAX {
            return Err(CpuTimeExceeded.into());
        }
        store.data().check_calls()?;
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        ))
    });
    store
}

/// Returns why a verifier returned no verdict, in one line.
fn reason(error: &wasmtime::Error, state: &State) -> String {
    if error.is::<CpuTimeExceeded>() {
        return format!("it used more than {CPU_MAX:?} of processor time");
    }
    let cause = one_line(&error.root_cause().to_string(), TEXT_BYTES_MAX);
    match state.last_words() {
        Some(words) => format!("{words} ({cause})"),
        None => cause,
    }
}

fn refused(refusal: &types::Refusal) -> Refusal {
    let text = |text: &str| one_line(text, TEXT_BYTES_MAX);
    match refusal {
        types::Refusal::BadSignature => Refusal::BadSignature,
        types::Refusal::Missing(what) => Refusal::ByVerifier {
            why: format!("{} is missing", text(what)),
        },
        types::Refusal::Malformed(what) => Refusal::ByVerifier {
            why: format!("{} is malformed", text(what)),
        },
        types::Refusal::Other(why) => Refusal::ByVerifier { why: text(why) },
    }
}

fn failed(why: &str) -> Refusal {
    Refusal::VerifierFailed {
        why: why.to_owned(),
    }
}

fn timestamp(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
