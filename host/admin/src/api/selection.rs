//! What filters have in common: the tenants of the token, and names with their tenants.

use hookyard_model::{PluginRef, TenantName};
use hookyard_store::Tenants;

use super::fault::Fault;
use super::query::value;
use crate::access::Grant;

/// Returns the tenant that a filter names. Another tenant than those of the token is unknown.
pub(super) fn tenant(grant: &Grant, text: Option<&str>) -> Result<Option<TenantName>, Fault> {
    let tenant: Option<TenantName> = value("tenant", text)?;
    match tenant {
        Some(tenant) if !grant.sees(&tenant) => {
            Err(Fault::unknown(format!("there is no tenant {tenant}")))
        }
        other => Ok(other),
    }
}

/// Returns the one tenant whose things a change may reach; `None` for all tenants.
///
/// A token of several tenants must name one of them, because a change has one tenant or all.
pub(super) fn tenant_of_change(
    grant: &Grant,
    text: Option<&str>,
) -> Result<Option<TenantName>, Fault> {
    if let Some(tenant) = tenant(grant, text)? {
        return Ok(Some(tenant));
    }
    let Tenants::Only(tenants) = &grant.tenants else {
        return Ok(None);
    };
    let mut names = tenants.iter();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(Some(only.clone())),
        _ => {
            let names: Vec<_> = tenants.iter().map(TenantName::as_str).collect();
            let detail = format!("name one of the token's tenants: {}", names.join(", "));
            Err(Fault::parameter("tenant", detail))
        }
    }
}

/// Returns the plugin that a path names, if the token may see it.
pub(super) fn plugin(grant: &Grant, tenant: &str, name: &str) -> Result<PluginRef, Fault> {
    let unknown = || Fault::unknown(format!("there is no plugin {tenant}/{name}"));
    let plugin = PluginRef {
        tenant: tenant.parse().map_err(|_| unknown())?,
        name: name.parse().map_err(|_| unknown())?,
    };
    if grant.sees(&plugin.tenant) {
        Ok(plugin)
    } else {
        Err(unknown())
    }
}

/// Returns the names of states. Each must be one of `known`.
pub(super) fn states(text: Option<&str>, known: &[&str]) -> Result<Vec<String>, Fault> {
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    let state = |state: &str| {
        if known.contains(&state) {
            return Ok(state.to_owned());
        }
        Err(Fault::parameter(
            "state",
            format!("must be some of {}", known.join(",")),
        ))
    };
    text.split(',').map(state).collect()
}
