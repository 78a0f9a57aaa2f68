//! `wasi:config/store`: the plugin's settings, from the table `[config]` of its settings file.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Linker, Lower};

use crate::call::state::State;

/// The offered versions. The interface is the same in both.
pub(crate) const VERSIONS: [&str; 2] = ["0.2.0-draft", "0.2.0-rc.1"];

/// Why a setting cannot be read. The host has all settings in memory, so it never returns an error.
#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(
    dead_code,
    reason = "the interface declares this type, and the host never makes a value of it"
)]
enum Error {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

/// Adds every version to a linker.
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
    let state = store.data_mut().entered();
    let value = state.config.get(&key).cloned();

    state
        .budget
        .count_bytes(key.len() + value.as_ref().map_or(0, String::len))?;
    Ok((Ok(value),))
}

fn get_all(mut store: StoreContextMut<'_, State>, (): ()) -> wasmtime::Result<GetAll> {
    let state = store.data_mut().entered();
    let settings: Vec<_> = state
        .config
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();

    let bytes = settings
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    state.budget.count_bytes(bytes)?;
    Ok((Ok(settings),))
}
