//! `wasi:logging/logging`: lines with a level and a context. They go to the same log as the guest's
//! standard output.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker};

use crate::call::state::State;

/// The offered versions. The interface was in use before it had a version, and is the same in both.
pub(crate) const VERSIONS: [&str; 2] = ["", "0.1.0-draft"];

const INTERFACE: &str = "wasi:logging/logging";

/// The severity of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(
    dead_code,
    reason = "the derived `Lift` makes the values from what a guest passes"
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
    /// Returns the text in front of a line. Plain output has the level `info`, so that level has no
    /// prefix.
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

/// Adds every version to a linker.
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
    let state = store.data_mut().entered();
    state.budget.count_bytes(context.len() + message.len())?;

    let context = if context.is_empty() {
        context
    } else {
        context + ": "
    };
    let line = format!("{}{context}{message}", level.prefix());
    state.output.guest_line(level >= Level::Error, &line);
    Ok(())
}
