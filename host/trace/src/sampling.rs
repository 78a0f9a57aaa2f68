//! Sampling: the rules that select the events whose traces are recorded.

use hookyard_model::{SourceName, SourceRef, TenantName};

use crate::TraceId;

/// The rules. The first rule that matches an event decides.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// The rules in their order.
    pub rules: Vec<Rule>,
    /// The share of the events that no rule matches, from 0 to 1.
    pub share: f64,
}

/// A rule for some of the events. A field that is `None` or `false` excludes nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rule {
    /// The tenant of the event.
    pub tenant: Option<TenantName>,
    /// The source of the event.
    pub source: Option<SourceName>,
    /// Whether the sender must record the trace, too.
    pub is_sampled_by_sender: bool,
    /// The share of the events that the rule matches, from 0 to 1.
    pub share: f64,
}

impl Rules {
    /// Returns whether no event is sampled.
    pub fn is_off(&self) -> bool {
        self.share <= 0.0 && self.rules.iter().all(|rule| rule.share <= 0.0)
    }

    /// Returns whether the trace of an event of `source` is recorded.
    pub(crate) fn samples(&self, source: &SourceRef, trace: TraceId, by_sender: bool) -> bool {
        let mut rules = self.rules.iter();
        let rule = rules.find(|rule| rule.matches(source, by_sender));
        trace.is_within(rule.map_or(self.share, |rule| rule.share))
    }
}

impl Rule {
    fn matches(&self, source: &SourceRef, by_sender: bool) -> bool {
        let is_tenant = |tenant: &TenantName| *tenant == source.tenant;
        let is_source = |name: &SourceName| *name == source.name;

        self.tenant.as_ref().is_none_or(is_tenant)
            && self.source.as_ref().is_none_or(is_source)
            && (by_sender || !self.is_sampled_by_sender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_matching_rule_decides() {
        let rule = |tenant: Option<&str>, source: Option<&str>, by_sender, share| Rule {
            tenant: tenant.map(|name| name.parse().expect("a name")),
            source: source.map(|name| name.parse().expect("a name")),
            is_sampled_by_sender: by_sender,
            share,
        };
        let rules = Rules {
            rules: vec![
                rule(Some("acme"), Some("orders"), false, 0.0),
                rule(None, None, true, 1.0),
                rule(Some("acme"), None, false, 1.0),
            ],
            share: 0.0,
        };

        let id = TraceId([1; 16]);
        for (source, by_sender, expected) in [
            ("acme/orders", true, false),
            ("acme/other", false, true),
            ("umbrella/orders", true, true),
            ("umbrella/orders", false, false),
        ] {
            let (tenant, name) = source.split_once('/').expect("two names");
            let source = SourceRef {
                tenant: tenant.parse().expect("a name"),
                name: name.parse().expect("a name"),
            };
            assert_eq!(rules.samples(&source, id, by_sender), expected, "{source}");
        }
        assert!(!rules.is_off());
        assert!(Rules::default().is_off());
    }
}
