//! The one door out: every outgoing HTTP request of the host leaves through a `Door`.
//!
//! `address` judges where a connection may go, `allow` what may be asked for, `door` makes the exchange with everything
//! about it bounded. Redirects are never followed: they are answers like any other. Nothing is decompressed, and no
//! compressed answer is asked for: what is counted is what came. `delivery` sends what is in the outbox, through the
//! door.

pub mod address;
pub mod target;
pub mod allow;
pub mod policy;
pub mod error;
pub mod resolve;
pub mod door;
pub mod client;
mod exchange;
mod headers;
mod bounds;
mod pool;
mod connect;
mod link;
mod tls;

pub use address::{Addresses, Range};
pub use allow::{AllowList, Rule};
pub use client::{Client, GetLimits};
pub use door::{Body, Config, Door, Limits, OverLong};
pub use error::{Error, Fault};
pub use policy::{Identity, Policy};
pub use resolve::{Resolve, SystemResolver};
