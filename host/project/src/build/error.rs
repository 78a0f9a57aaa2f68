//! Why a folder cannot be built.

use crate::files::WriteError;
use crate::fixtures::FixtureError;
use crate::language::Language;
use crate::manifest::ManifestError;
use crate::wit::WitError;

/// Why a folder cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The WIT cannot be used.
    #[error(transparent)]
    Wit(#[from] WitError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] WriteError),
    /// A fixture cannot be put into the component.
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    /// The folder has no WIT, and the caller does not know the provider.
    #[error(
        "wit/ is missing, and the provider `{0}` is not known here; run the command where \
         hookyard.toml has it in `[providers] folder`, or write wit/ with `hookyard wit --out wit`"
    )]
    MissingProvider(String),
    /// A program is not installed.
    #[error("{tool} is not installed; install it: {install}")]
    MissingTool {
        /// The program.
        tool: String,
        /// The line that installs it.
        install: String,
    },
    /// A program failed.
    #[error("`{tool}` failed\n{output}")]
    ToolFailed {
        /// The command line.
        tool: String,
        /// Everything that the program wrote.
        output: String,
    },
    /// A generator cannot express the WIT.
    #[error("the bindings cannot be made from wit/: {0}")]
    Bindings(String),
    /// The sources are not as the build expects them.
    #[error("{0}")]
    Source(String),
    /// The compiler's result cannot be made a component.
    #[error("{tool} made a module that is not a plugin: {fault}")]
    Component {
        /// The compiler.
        tool: String,
        /// The reason.
        fault: String,
    },
    /// There is no build for the language.
    #[error("plugins in {} cannot be built yet", .0.title())]
    Unsupported(Language),
}
