//! Makes a provider folder of a sender's own description of its webhooks.
//!
//! The description is an OpenAPI or AsyncAPI document, a JSON Schema, or a folder of bodies. The
//! folder has the types as WIT, a `provider.toml` to complete, samples, and `import.lock`, by which
//! the next import tells what changed. The crate reads only the texts that it is given and
//! fetches nothing.

pub mod diff;
pub mod lock;
