//! A plugin that is checked, compiled and ready to be called.

use std::fmt;

use hookyard_model::{PluginRef, Revision};

use crate::Limits;

/// One revision of a plugin, ready for any number of calls.
pub struct Loaded {
    plugin: PluginRef,
    revision: Revision,
    limits: Limits,
    handlers: Vec<HandlerKind>,
}

/// A handler that a plugin exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandlerKind {
    /// Takes the typed events of one provider.
    Typed {
        /// The provider's name, as it stands in an event.
        provider: String,
        /// The provider's package without a version, such as `topper:webhooks`.
        package: String,
        /// The interface's name, such as `handler`.
        interface: String,
        /// The version that the plugin was built against, where its name says one.
        version: Option<String>,
    },
    /// Takes any event as bytes.
    Untyped,
}

impl Loaded {
    /// Which plugin this is.
    pub fn plugin(&self) -> &PluginRef {
        &self.plugin
    }

    /// Which of its revisions.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// What an attempt may use.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What it can be given.
    pub fn handlers(&self) -> &[HandlerKind] {
        &self.handlers
    }

    /// Whether it takes events of this provider at all, by a typed handler or by the untyped one.
    pub fn takes(&self, provider: &str) -> bool {
        self.handlers.iter().any(|handler| match handler {
            HandlerKind::Typed { provider: typed, .. } => typed == provider,
            HandlerKind::Untyped => true,
        })
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("plugin", &self.plugin)
            .field("revision", &self.revision)
            .field("handlers", &self.handlers)
            .finish_non_exhaustive()
    }
}
