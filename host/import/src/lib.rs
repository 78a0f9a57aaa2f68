//! Makes a provider folder of a sender's own description of its webhooks.
//!
//! The description is an OpenAPI or AsyncAPI document, a JSON Schema, or a folder of bodies. The
//! folder has the types as WIT, a `provider.toml` to complete, samples, and `import.lock`. With
//! this file, the next import finds what changed. The crate reads only the files that it is given,
//! and fetches nothing.

mod document;
mod error;
mod note;
mod resolve;
mod dialect;
mod types;
mod map;
mod names;
mod package;
mod events;
mod rules;
mod fields;
mod infer;
mod required;
mod samples;
mod provider_file;
mod import;
mod folder;
mod wit;
pub mod diff;
pub mod lock;

pub use dialect::Selection;
pub use document::{BYTES_MAX, DEPTH_MAX, Document, NODES_MAX, Place};
pub use error::{Error, Fault};
pub use fields::{Action, FieldRule};
pub use folder::{Fate, Folder, Planned, read_bodies};
pub use import::{Imported, ImportedEvent, Options, Request, SampleFile, Source, import};
pub use required::Required;
pub use samples::{Body, Decoder};
