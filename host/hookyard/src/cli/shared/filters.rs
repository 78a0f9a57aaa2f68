//! The filters that `events`, `outbox` and `refused` have in common.

use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use hookyard_config::document::duration;
use hookyard_model::{InvalidName, PluginName, TenantName, Timestamp};

use crate::cli::Failure;

/// The filters on every kind of item. A filter that is not given excludes nothing.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct CommonFilters {
    /// Only this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<TenantName>,
    /// Only this plugin, as name or tenant/name
    #[arg(long, value_name = "NAME")]
    plugin: Option<QualifiedName<PluginName>>,
    /// Only this type, as the sender or the receiver calls it
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only bodies that contain this text
    #[arg(long, value_name = "TEXT", value_parser = non_empty_text)]
    text: Option<String>,
    /// Only at or after this time: 2026-06-02T11:30:00Z, or 90m, 2h or 7d for that long ago
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
}

/// The part of a selection that the common filters determine.
pub(crate) struct CommonSelection {
    pub(crate) tenant: Option<TenantName>,
    pub(crate) plugin: Option<PluginName>,
    pub(crate) event_type: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

impl CommonFilters {
    /// Returns the selection at the time `now`.
    ///
    /// `other_tenant` is the tenant that a further filter names, and `noun` is the name of one
    /// item.
    ///
    /// # Errors
    ///
    /// Fails if the filters name different tenants.
    pub(crate) fn selection(
        self,
        noun: &str,
        other_tenant: Option<TenantName>,
        now: Timestamp,
    ) -> Result<CommonSelection, Failure> {
        let (plugin_tenant, plugin) = match self.plugin {
            Some(QualifiedName { tenant, name }) => (tenant, Some(name)),
            None => (None, None),
        };
        let tenants = [self.tenant, other_tenant, plugin_tenant];

        Ok(CommonSelection {
            tenant: only_tenant(noun, tenants.into_iter().flatten())?,
            plugin,
            event_type: self.event_type,
            text: self.text,
            since: self.since.map(|moment| moment.at(now)),
            until: self.until.map(|moment| moment.at(now)),
        })
    }
}

/// Returns the one tenant that the filters name, or `None` if they name no tenant.
pub(crate) fn only_tenant(
    noun: &str,
    mut tenants: impl Iterator<Item = TenantName>,
) -> Result<Option<TenantName>, Failure> {
    let Some(tenant) = tenants.next() else {
        return Ok(None);
    };

    match tenants.find(|other| *other != tenant) {
        Some(other) => Err(Failure::Arguments(format!(
            "no {noun} belongs to both {tenant} and {other}: name one tenant"
        ))),
        None => Ok(Some(tenant)),
    }
}

/// Returns the names of states, as the store knows them.
pub(crate) fn state_names(states: &[impl ValueEnum]) -> Vec<String> {
    states
        .iter()
        .filter_map(ValueEnum::to_possible_value)
        .map(|value| value.get_name().to_owned())
        .collect()
}

/// A name, with or without its tenant before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QualifiedName<N> {
    pub(crate) tenant: Option<TenantName>,
    pub(crate) name: N,
}

impl<N: FromStr<Err = InvalidName>> FromStr for QualifiedName<N> {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text.split_once('/') {
            None => Ok(Self {
                tenant: None,
                name: text.parse()?,
            }),
            Some((tenant, name)) => Ok(Self {
                tenant: Some(tenant.parse()?),
                name: name.parse()?,
            }),
        }
    }
}

/// A point in time, absolute or relative to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    At(Timestamp),
    Ago(Duration),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(moment) = Timestamp::parse_rfc3339(text) {
            return Ok(Self::At(moment));
        }
        if let Some(ago) = duration(text) {
            return Ok(Self::Ago(ago));
        }

        Err(
            "must be a time such as 2026-06-02T11:30:00Z, or 90m, 2h or 7d for that long ago"
                .to_owned(),
        )
    }
}

impl Moment {
    /// Returns the point in time if the current time is `now`.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Ago(ago) => now.before(ago),
        }
    }
}

fn non_empty_text(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("must be a text".to_owned());
    }
    Ok(text.to_owned())
}
