//! `wasi:logging/logging`: lines with a level and a context, which join what the guest writes to its standard output.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker};

use crate::call::State;

/// The versions that are offered; the interface was in use before it had one, and is the same in both.
pub(crate) const VERSIONS: [&str; 2] = ["", "0.1.0-draft"];

const INTERFACE: &str = "wasi:logging/logging";

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(
    dead_code,
    reason = "made from what a guest passes, by the derived `Lift`"
)]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

impl Level {
    /// What stands before a line. What is written without a level is of this one, so it's left out.
    fn prefix(self) -> &'static str {
        match self {
            Self::Trace => "trace: ",
            Self::Debug => "debug: ",
            Self::Info => "",
            Self::Warn => "warn: ",
            Self::Error => "error: ",
            Self::Critical => "critical: ",
        }
    }
}

/// Offers every version.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    for version in VERSIONS {
        let name = if version.is_empty() {
            INTERFACE.to_owned()
        } else {
            format!("{INTERFACE}@{version}")
        };
        linker.instance(&name)?.func_wrap("log", log)?;
    }
    Ok(())
}

fn log(
    mut store: StoreContextMut<'_, State>,
    (level, context, message): (Level, String, String),
) -> wasmtime::Result<()> {
    let state = store.data_mut();
    state.budget.call();
    state.budget.bytes(context.len() + message.len())?;
    let context = if context.is_empty() {
        context
    } else {
        context + ": "
    };
    state.output.line(
        level >= Level::Error,
        &format!("{}{context}{message}", level.prefix()),
    );
    Ok(())
}
