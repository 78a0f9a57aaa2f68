//! The folder of a plugin's author: templates, WIT, bindings, and the way from sources to a component.
//!
//! [`new`](mod@new) makes a folder, [`build`](mod@build) turns it into a component, and [`wit`] writes the WIT
//! packages. The crate runs compilers of other languages and reads no configuration of the host: the caller passes the
//! files of a provider.

pub mod files;
pub mod handled;
pub mod imports;
pub mod language;
pub mod manifest;
pub mod other;
pub mod provider;
pub mod wit;
pub mod new;
pub mod build;
mod bindings;
mod fixtures;
mod template;
pub mod similar;
#[cfg(test)]
mod support;

pub use build::{BuildError, BuildOptions, Built};
pub use imports::{Capability, Imports};
pub use language::{Engine, Language};
pub use manifest::{Manifest, ManifestError};
pub use new::{Created, NewError, NewPlugin};
pub use provider::{ProviderFiles, Sample};
pub use wit::{WitError, World};

/// The version of `hookyard` that manifests and components name.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
