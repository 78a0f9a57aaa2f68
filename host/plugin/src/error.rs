//! Why an engine or a plugin can't be had. Each message is one line that names the thing and the way out.

use hookyard_model::PluginRef;

use crate::{HostFault, Lack, Toolchain};

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine can't run compiled WebAssembly as configured.
    #[error("the WebAssembly engine can't be started")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The threads that measure the guests' time, or run long calls, can't be started.
    #[error("the engine's threads can't be started")]
    Threads(#[source] std::io::Error),
    /// The folder for compiled code can't be used.
    #[error(
        "the folder for compiled code, {folder}, can't be used; mend it, or name another one by `cache` in [plugins]"
    )]
    CacheFolder {
        /// The folder as configured.
        folder: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl From<wasmtime::Error> for Error {
    fn from(error: wasmtime::Error) -> Self {
        Self::Engine(error.into_boxed_dyn_error())
    }
}

/// Why a file is not loaded as a plugin, as one whole line. The plugin's author is to mend it.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin} {fault}")]
pub struct LoadError {
    /// The plugin that it was to be.
    pub plugin: PluginRef,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a file. The texts continue "plugin acme/orders …" or "plugins/acme/orders.wasm …".
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Something else than a component.
    #[error("is {what}, not a WebAssembly component; {way_out}")]
    NotAComponent {
        /// What it looks like.
        what: &'static str,
        /// How a component is made of it.
        way_out: &'static str,
    },
    /// A component, but a broken one, or one that uses what this host doesn't offer.
    #[error("is no component that this host can compile ({reason}); {}", toolchain.rebuild())]
    Invalid {
        /// What the compiler said.
        reason: String,
        /// What made it.
        toolchain: Toolchain,
    },
    /// It can't be compiled within the limits of a compilation.
    #[error(
        "takes more than {most} to compile; build it smaller, or raise {key} in [plugins.compile]"
    )]
    Costly {
        /// How much it may take, and of what.
        most: String,
        /// The key of the limit.
        key: &'static str,
    },
    /// The compiler ends of it.
    #[error(
        "makes the compiler of this host crash ({reason}); build it with another version of its tools"
    )]
    Crashed {
        /// How the compiler ended.
        reason: String,
    },
    /// It couldn't be compiled, which is the host's fault. The same component may compile later.
    #[error("can't be compiled at the moment: {reason}")]
    Compiler {
        /// What is wrong with the host.
        reason: String,
    },
    /// It can't be instantiated within its limits.
    #[error(
        "can't be started: {reason}; what it does when it is instantiated has to end well, within its limits"
    )]
    Start {
        /// What that came to.
        reason: String,
    },
    /// It couldn't be loaded, which is the host's fault.
    #[error("can't be loaded at the moment: {0}")]
    Host(HostFault),
    /// It has components within components within components.
    #[error("has components in each other more than {depth_max} deep; compose it in fewer steps")]
    Nested {
        /// How deep they may be.
        depth_max: usize,
    },
    /// Its components use each other so often that it would come to a multitude.
    #[error(
        "comes to more than {parts_max} instances once it is put together; build it of fewer parts"
    )]
    Parts {
        /// How many there may be.
        parts_max: u64,
    },
    /// Its components are given to each other rather than instantiated where they are, so that nobody can count them.
    #[error(
        "hands components to components, which this host does not take; compose it so that each stands where it is used"
    )]
    PassedAround,
    /// It imports what no plugin is given.
    #[error("imports {name}, which is never granted; {way_out}")]
    Import {
        /// The import.
        name: String,
        /// What its author may do.
        way_out: String,
    },
    /// It imports an interface in a version that this host hasn't got.
    #[error(
        "imports {name}, which this host offers in other versions only: {offered}; rebuild it for one of these"
    )]
    Version {
        /// The import.
        name: String,
        /// What there is.
        offered: String,
    },
    /// It's built for the next WASI.
    #[error("is built for WASI 0.3 (it imports {name}), and this host runs WASI 0.2; {}", toolchain.rebuild())]
    Wasi3 {
        /// The import.
        name: String,
        /// What made it.
        toolchain: Toolchain,
    },
    /// It imports what the operator has not granted it.
    #[error("imports {imports}, which it isn't granted")]
    Ungranted {
        /// The imports.
        imports: String,
        /// What would have to be granted.
        lacks: Vec<Lack>,
        /// What made it.
        toolchain: Toolchain,
    },
    /// It imports an interface that is offered, in a form that isn't.
    #[error(
        "imports something that this host has in another form ({reason}); build it against WASI 0.2.0 to 0.2.12"
    )]
    Mismatch {
        /// What the linker said.
        reason: String,
    },
    /// It imports an interface to send a provider's events by, which can't be met.
    #[error("imports {interface}, which can't be met: {reason}")]
    Outgoing {
        /// The import.
        interface: String,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// It exports nothing that could be given an event.
    #[error(
        "exports no handler; export hookyard:plugin/handler or the handler of a provider that this host has \
         (providers: {packages}; exported: {exported})"
    )]
    NoHandler {
        /// Its exported interfaces.
        exported: String,
        /// The packages of the providers.
        packages: String,
    },
    /// It exports a handler that can't be called.
    #[error("exports {interface}, which can't be called: {reason}")]
    Handler {
        /// The export.
        interface: String,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// It needs more memory to begin with than it may have.
    #[error(
        "needs {needed} bytes of memory to start with and may have {limit}; raise its memory limit, or build it with a \
         smaller stack"
    )]
    Memory {
        /// What its largest memory begins with.
        needed: u64,
        /// Its limit.
        limit: u64,
    },
}

impl Fault {
    /// The same, of a component that these tools made.
    pub(crate) fn made_by(self, toolchain: Toolchain) -> Self {
        match self {
            Self::Invalid { reason, .. } => Self::Invalid { reason, toolchain },
            other => other,
        }
    }
}
