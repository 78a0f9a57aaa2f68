//! The readers of the top-level tables of `hookyard.toml`, one module for each table.
//!
//! A reader returns the settings of its table. Keys that are absent or faulty get the default
//! value; faulty keys are reported. The tables of tenants are in [`tenant`](crate::tenant).

mod admin;
mod concurrency;
mod egress;
mod ingress;
mod plugins;
mod quarantine;
pub mod rehearsal;
mod release;
mod retention;
mod retry;
mod store;
mod traces;

pub use admin::read as admin;
pub use concurrency::read as concurrency;
pub use egress::{addresses, read as egress, roots};
pub use ingress::{read as ingress, refused_kept};
pub use plugins::{backlog, read as plugins};
pub use quarantine::read as quarantine;
pub use release::read as release;
pub use retention::{limits as retention_limits, read as retention};
pub use retry::read as retry;
pub use store::read as store;
pub use traces::read as traces;
