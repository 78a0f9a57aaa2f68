//! `wasi:config/store`: the settings that stand in the plugin's own `.toml`.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Linker, Lower};

use crate::call::State;

/// The versions that are offered; the interface is the same in both.
pub(crate) const VERSIONS: [&str; 2] = ["0.2.0-draft", "0.2.0-rc.1"];

/// Why a setting can't be had. Settings are at hand, so this never happens; the interface has it.
#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(
    dead_code,
    reason = "the interface's type, of which no value is ever made"
)]
enum Error {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

/// Offers every version.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    for version in VERSIONS {
        let mut store = linker.instance(&format!("wasi:config/store@{version}"))?;
        store.func_wrap("get", get)?;
        store.func_wrap("get-all", get_all)?;
    }
    Ok(())
}

type Get = (Result<Option<String>, Error>,);
type GetAll = (Result<Vec<(String, String)>, Error>,);

fn get(mut store: StoreContextMut<'_, State>, (key,): (String,)) -> wasmtime::Result<Get> {
    let state = store.data_mut();
    let value = state.terms.config.get(&key).cloned();
    state.budget.call();
    state
        .budget
        .bytes(key.len() + value.as_ref().map_or(0, String::len))?;
    Ok((Ok(value),))
}

fn get_all(mut store: StoreContextMut<'_, State>, (): ()) -> wasmtime::Result<GetAll> {
    let state = store.data_mut();
    let all: Vec<_> = state
        .terms
        .config
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    state.budget.call();
    state
        .budget
        .bytes(all.iter().map(|(key, value)| key.len() + value.len()).sum())?;
    Ok((Ok(all),))
}
