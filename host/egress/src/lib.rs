//! The one door out: every outgoing HTTP request of the host goes through a [`Door`].
//!
//! A request names its target by URL and goes out under a [`Policy`], which says which addresses it
//! may reach and whom it trusts. The door resolves the host, checks each address, connects, and
//! exchanges request and response. Every step has a limit in time and size. [`AllowList`] says
//! which requests a plugin may make; the caller asks it first.
//!
//! The door never follows redirects: a redirect is a response like any other. It never decompresses
//! a body and never asks for a compressed one, so a size limit counts the bytes that arrive.
//! [`Client`] fetches documents for the host itself.

mod target;
mod address;
mod allow;
mod policy;
mod error;
mod resolve;
mod limits;
mod door;
mod client;
mod exchange;
mod headers;
mod slots;
mod pool;
mod connect;
mod link;
mod tls;

pub use address::{AddressClass, Addresses, Range, RangeError, address_setting, check_address};
pub use allow::{AllowList, Denial, Rule, is_path_prefix};
pub use client::{Client, GetLimits};
pub use door::Door;
pub use error::{Cause, Error, Fault, Phase};
pub use limits::{Body, Config, Limits, OverLong};
pub use policy::{Identity, Policy};
pub use resolve::{Resolve, SystemResolver};
pub use target::{Host, Scheme, Target};
pub use tls::check_policy;
