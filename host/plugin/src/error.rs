//! Why an engine cannot start or a plugin cannot be loaded. Each message is one line that names the
//! thing and the way out.

use hookyard_model::PluginRef;

use crate::call::host_fault::HostFault;
use crate::grants::MissingGrant;
use crate::load::toolchain::Toolchain;

/// Why an [`Engine`](crate::Engine) cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine cannot run compiled WebAssembly with these settings.
    #[error("the WebAssembly engine cannot be started")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The threads that measure the guests' time or that run long calls cannot be started.
    #[error("the engine's threads cannot be started")]
    Threads(#[source] std::io::Error),
    /// The folder for compiled code cannot be used.
    #[error(
        "the folder for compiled code, {folder}, cannot be used; repair it, or name another folder with `cache` in \
         [plugins]"
    )]
    CacheFolder {
        /// The folder as configured.
        folder: String,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
}

impl From<wasmtime::Error> for Error {
    fn from(error: wasmtime::Error) -> Self {
        Self::Engine(error.into_boxed_dyn_error())
    }
}

/// Why a file is not loaded as a plugin, in one line for the author of the plugin.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin} {fault}")]
pub struct LoadError {
    /// The name under which the file would have been loaded.
    pub plugin: PluginRef,
    /// The fault of the file.
    pub fault: Fault,
}

/// What is wrong with a file. The messages continue "plugin acme/orders …" or
/// "plugins/acme/orders.wasm …".
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file is not a component.
    #[error("is {what}, not a WebAssembly component; {way_out}")]
    NotAComponent {
        /// What the file looks like.
        what: &'static str,
        /// How to make a component of it.
        way_out: &'static str,
    },
    /// The component is broken, or it uses a feature that this host does not offer.
    #[error("is not a component that this host can compile ({reason}); {}", toolchain.rebuild())]
    Invalid {
        /// The message of the compiler.
        reason: String,
        /// The tools that made the component.
        toolchain: Toolchain,
    },
    /// The file is a core module that cannot become a component.
    #[error("is a core module that cannot be made a component ({reason}); {}", toolchain.componentize())]
    Module {
        /// What does not fit, or what is broken.
        reason: String,
        /// The tools that made the module.
        toolchain: Toolchain,
    },
    /// The component of a provider is not a verifier.
    #[error(
        "is not a verifier ({reason}); a verifier exports hookyard:verifier/verification@0.1.0 and imports only \
         hookyard:verifier and WASI"
    )]
    NotAVerifier {
        /// What is missing or differs.
        reason: String,
    },
    /// The component uses asynchronous functions.
    #[error("{found}, and this host runs components of WASI 0.2, without async; {}", toolchain.rebuild())]
    Async {
        /// What the component does.
        found: &'static str,
        /// The tools that made the component.
        toolchain: Toolchain,
    },
    /// The component cannot be compiled within the limits of a compilation.
    #[error(
        "takes more than {limit} to compile; make it smaller, or raise {key} in [plugins.compile]"
    )]
    CompileLimit {
        /// The limit that was exceeded, with its unit.
        limit: String,
        /// The configuration key of the limit.
        key: &'static str,
    },
    /// The compiler crashes on the component.
    #[error(
        "makes the compiler of this host crash ({reason}); build it with another version of its tools"
    )]
    CompilerCrash {
        /// How the compiler ended.
        reason: String,
    },
    /// The host failed to compile the component. The same component may compile later.
    #[error("cannot be compiled at the moment: {reason}")]
    Compiler {
        /// The fault of the host.
        reason: String,
    },
    /// The component cannot be instantiated within its limits.
    #[error("cannot be started: {reason}; its start functions must succeed within its limits")]
    Start {
        /// The outcome of the instantiation.
        reason: String,
    },
    /// The component cannot be initialized once for all events, as its `wizer-initialize` asks for.
    #[error(
        "exports `wizer-initialize`, but cannot be initialized: {reason}; the function must succeed within the \
         plugin's limits and without its settings and values, or build the component without this export"
    )]
    Snapshot {
        /// The outcome of the initialization, or why its state cannot be kept.
        reason: String,
    },
    /// The host failed to load the component. The same component may load later.
    #[error("cannot be loaded at the moment: {0}")]
    Host(HostFault),
    /// The component nests other components too deeply.
    #[error("nests components more than {depth_max} deep; compose it in fewer steps")]
    Nested {
        /// The maximum depth.
        depth_max: usize,
    },
    /// The component would consist of too many instances.
    #[error("would consist of more than {instances_max} instances; build it from fewer components")]
    Instances {
        /// The maximum number of instances.
        instances_max: u64,
    },
    /// The component passes components to each other, so that its instances cannot be counted.
    #[error(
        "passes components to other components, which this host does not support; compose it so that each component \
         is instantiated where it is defined"
    )]
    ComponentArguments,
    /// The component imports something that no plugin can be granted.
    #[error("imports {name}, which is never granted; {way_out}")]
    Import {
        /// The import.
        name: String,
        /// What the author can do about it.
        way_out: String,
    },
    /// The component imports an interface in a version that this host does not offer.
    #[error(
        "imports {name}, which this host offers only in other versions: {offered}; rebuild it for one of these"
    )]
    Version {
        /// The import.
        name: String,
        /// The versions that the host offers.
        offered: String,
    },
    /// The component is built for WASI 0.3.
    #[error("is built for WASI 0.3 (it imports {name}), and this host runs WASI 0.2; {}", toolchain.rebuild())]
    Wasi3 {
        /// An import of WASI 0.3.
        name: String,
        /// The tools that made the component.
        toolchain: Toolchain,
    },
    /// The component imports something that the operator has not granted.
    #[error("imports {imports}, which it is not granted")]
    Ungranted {
        /// The imports.
        imports: String,
        /// The grants that these imports require.
        missing: Vec<MissingGrant>,
        /// The tools that made the component.
        toolchain: Toolchain,
    },
    /// The component imports an interface whose types or functions differ from this host's.
    #[error(
        "imports something that this host has in another form ({reason}); build it against WASI 0.2.0 to 0.2.12"
    )]
    Mismatch {
        /// The message of the linker.
        reason: String,
    },
    /// The component imports an interface for sending a provider's events, and the host cannot
    /// provide it.
    #[error("imports {interface}, which this host cannot provide: {reason}")]
    Outgoing {
        /// The import.
        interface: String,
        /// What is wrong with the import, and where.
        reason: String,
    },
    /// The component was built for another world than that of a plugin.
    #[error(
        "is {what} (it exports {export}), not a plugin; export hookyard:plugin/handler or the handler of a provider \
         that this host has (providers: {packages}): {} writes a folder that does", toolchain.new_command()
    )]
    World {
        /// What the component is.
        what: &'static str,
        /// The export that shows this.
        export: String,
        /// The packages of the providers.
        packages: String,
        /// The tools that made the component.
        toolchain: Toolchain,
    },
    /// The component exports no handler.
    #[error(
        "exports no handler; export hookyard:plugin/handler or the handler of a provider that this host has \
         (providers: {packages}; exported: {exported})"
    )]
    NoHandler {
        /// The interfaces that the component exports.
        exported: String,
        /// The packages of the providers.
        packages: String,
    },
    /// The component exports a handler that the host cannot call.
    #[error("exports {interface}, which cannot be called: {reason}")]
    Handler {
        /// The export.
        interface: String,
        /// What is wrong with the export, and where.
        reason: String,
    },
    /// The component needs more memory at its start than its limit.
    #[error(
        "needs {needed} bytes of memory to start with and may have {limit}; raise its memory_max, or build it with a \
         smaller stack"
    )]
    Memory {
        /// The initial size of its largest memory, in bytes.
        needed: u64,
        /// The limit, in bytes.
        limit: u64,
    },
}

impl Fault {
    /// Adds the tools that made the component, if the message depends on them.
    pub(crate) fn made_by(self, toolchain: Toolchain) -> Self {
        match self {
            Self::Invalid { reason, .. } => Self::Invalid { reason, toolchain },
            other => other,
        }
    }

    /// Says that a file could not be made a component, rather than that a component is invalid.
    pub(crate) fn of_module(self, toolchain: Toolchain) -> Self {
        match self {
            Self::Invalid { reason, .. } => Self::Module { reason, toolchain },
            other => other,
        }
    }
}
