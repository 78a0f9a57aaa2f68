//! The owner of a token.

use hookyard_store::Tenants;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Grant;

/// Who asks, and what the host allows.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Me {
    /// The name of the token.
    pub name: String,
    /// `viewer`, `operator` or `admin`.
    pub role: &'static str,
    /// The tenants whose things are shown; `null` for all.
    pub tenants: Option<Vec<String>>,
    /// Whether bodies, headers, log lines and answers are shown.
    pub payloads: bool,
    /// Whether the host refuses all changes.
    pub read_only: bool,
}

impl Me {
    /// Returns what a grant allows.
    pub fn of(grant: &Grant, read_only: bool) -> Self {
        let tenants = match &grant.tenants {
            Tenants::All => None,
            Tenants::Only(tenants) => Some(tenants.iter().map(ToString::to_string).collect()),
        };
        Self {
            name: grant.name.clone(),
            role: grant.role.name(),
            tenants,
            payloads: grant.shows_payloads,
            read_only,
        }
    }
}
