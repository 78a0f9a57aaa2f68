//! The values of filters: names, times and texts.

use std::str::FromStr;
use std::time::Duration;

use hookyard_config::document::duration;
use hookyard_model::{InvalidName, TenantName, Timestamp};

use crate::cli::Failure;

/// A text to search for.
pub(crate) fn non_empty_text(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("must be a text".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// A name, perhaps with its tenant's before it.
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

/// A point in time, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    At(Timestamp),
    Ago(Duration),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = Timestamp::parse_rfc3339(text).map(Self::At);
        let wrong = || {
            "must be a time such as 2026-06-02T11:30:00Z, or 90m, 2h or 7d for that long ago"
                .to_owned()
        };
        at.or_else(|| duration(text).map(Self::Ago))
            .ok_or_else(wrong)
    }
}

impl Moment {
    pub(crate) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Ago(ago) => now.before(ago),
        }
    }
}

/// The one tenant of them, if any is named; all of them are said of one thing.
pub(crate) fn one_tenant(
    of: &str,
    mut named: impl Iterator<Item = TenantName>,
) -> Result<Option<TenantName>, Failure> {
    let tenant = named.next();
    match (&tenant, named.find(|other| Some(other) != tenant.as_ref())) {
        (Some(tenant), Some(other)) => Err(Failure::Arguments(format!(
            "{of} of {tenant} is none of {other}: name one tenant"
        ))),
        _ => Ok(tenant),
    }
}
