//! Why an engine or a plugin can't be had. Each message is one line that names the thing and the way out.

use hookyard_model::PluginRef;

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine can't run compiled WebAssembly as configured.
    #[error("the WebAssembly engine can't be started")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The thread that measures the guests' time can't be started.
    #[error("the engine's clock thread can't be started")]
    Ticker(#[source] std::io::Error),
    /// The folder for compiled code can't be used.
    #[error("the folder for compiled code, {folder}, can't be used; make it writable or name another one")]
    CacheFolder {
        /// The folder as configured.
        folder: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Why a file is not loaded as a plugin. The plugin's author is to mend it.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin} {fault}")]
pub struct LoadError {
    /// The plugin that it was to be.
    pub plugin: PluginRef,
    /// What is wrong.
    #[source]
    pub fault: Fault,
}

/// What is wrong with a file. The texts continue "plugin acme/orders …".
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
}
