//! Which plugins answer the requests of the sources that want a response.

use hookyard_config::settings::Responders;
use hookyard_model::{PluginName, PluginRef, SourceName, SourceRef};

use super::Finding;

/// A plugin of the folder, as far as responses depend on it.
pub(super) struct Candidate {
    pub(super) plugin: PluginRef,
    /// The sources whose events the plugin handles.
    pub(super) sources: Vec<SourceName>,
    /// Whether the plugin imports the interface for responses.
    pub(super) can_respond: bool,
}

/// Returns a finding for each source that wants a response.
pub(super) fn findings(wanted: &Responders, candidates: &[Candidate]) -> Vec<Finding> {
    let finding = |(source, named): (&SourceRef, &Option<PluginName>)| {
        let mut handling = candidates.iter().filter(|candidate| {
            candidate.plugin.tenant == source.tenant && candidate.sources.contains(&source.name)
        });
        match named {
            Some(named) => {
                let found = handling.find(|candidate| candidate.plugin.name == *named);
                of_named(source, named, found)
            }
            None => {
                let able = handling.filter(|candidate| candidate.can_respond);
                of_any(source, able.map(|it| it.plugin.name.as_str()).collect())
            }
        }
    };
    wanted.iter().map(finding).collect()
}

fn of_named(source: &SourceRef, named: &PluginName, found: Option<&Candidate>) -> Finding {
    match found {
        Some(candidate) if candidate.can_respond => Finding::Good(format!(
            "source /{source}: plugin {named} answers its requests"
        )),
        Some(_) => Finding::Odd(format!(
            "source /{source}: its `responder` {named} does not import \
             hookyard:plugin/responder, so the host answers every request itself; build the plugin \
             with the import, or name another"
        )),
        None => Finding::Odd(format!(
            "source /{source}: its `responder` {named} does not handle its events, so the host \
             answers every request itself; name a plugin that does"
        )),
    }
}

fn of_any(source: &SourceRef, able: Vec<&str>) -> Finding {
    match able.as_slice() {
        [] => Finding::Odd(format!(
            "source /{source}: no plugin that handles its events imports \
             hookyard:plugin/responder, so the host answers every request itself; add such a \
             plugin, or remove `ack = \"responder\"`"
        )),
        [plugin] => Finding::Good(format!(
            "source /{source}: plugin {plugin} answers its requests"
        )),
        several => Finding::Odd(format!(
            "source /{source}: the plugins {} can respond, and the first response counts; name one \
             of them as `responder`",
            several.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(plugin: &str, can_respond: bool) -> Candidate {
        let (tenant, name) = plugin.split_once('/').expect("two names");
        Candidate {
            plugin: PluginRef {
                tenant: tenant.parse().expect("a name"),
                name: name.parse().expect("a name"),
            },
            sources: vec!["orders".parse().expect("a name")],
            can_respond,
        }
    }

    #[track_caller]
    fn check(named: Option<&str>, candidates: &[Candidate], is_good: bool, part: &str) {
        let source = SourceRef {
            tenant: "acme".parse().expect("a name"),
            name: "orders".parse().expect("a name"),
        };
        let named = named.map(|name| name.parse().expect("a name"));
        let wanted = [(source, named)].into();
        let found = match findings(&wanted, candidates).pop() {
            Some(Finding::Good(line)) => (true, line),
            Some(Finding::Odd(line)) => (false, line),
            other => panic!("{other:?}"),
        };
        assert!(found.0 == is_good && found.1.contains(part), "{found:?}");
    }

    #[test]
    fn responder_of_each_source_is_told() {
        let able = || candidate("acme/ship", true);
        let unable = candidate("acme/audit", false);
        let other = candidate("umbrella/bill", true);
        let all = [able(), unable, other];

        check(None, &all, true, "plugin ship answers its requests");
        check(None, &all[1..], false, "no plugin that handles its events");
        let two = [able(), candidate("acme/books", true)];
        check(None, &two, false, "the plugins ship, books can respond");
        check(Some("ship"), &two, true, "plugin ship answers");
        check(Some("audit"), &all, false, "does not import");
        check(Some("bill"), &all, false, "does not handle its events");
    }
}
