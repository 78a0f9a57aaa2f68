//! The policy of rehearsals. It applies between the compilation and the activation of a revision.
//!
//! A rehearsal runs in its own task while the active revision serves. [`Rehearsal`] runs the
//! attempts and reports the findings. This module prepares the rehearsal of a revision, and decides
//! with the operator's policy whether the revision may become active.

use std::path::Path;
use std::sync::Arc;

use hookyard_model::{PluginRef, Revision, SourceName, SourceRef};
use hookyard_plugin::{Engine, LoadedPlugin};

use super::{Material, Rehearsal, Report};
use crate::Desired;
use crate::active::subscription;
use crate::component::load::{Failure, Ready};
use crate::slots::Slot;
use hookyard_config::files;
use hookyard_config::settings::RehearsalPolicy;

/// The decision after a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was rehearsed: the policy is `off`, or there are no fixtures and no events.
    Unrehearsed,
    /// The revision may become active.
    Passed(Findings),
    /// The revision may not become active.
    Failed(Findings),
}

/// The findings of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// A summary of one line.
    pub summary: String,
    /// The whole report, for `hookyard plugins show`.
    pub report: String,
}

/// The parts of the host that a rehearsal needs.
pub(crate) struct Rehearser {
    pub(crate) desired: Arc<Desired>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) material: Material,
    pub(crate) slot: Slot,
    /// The active revision, if it is loaded.
    pub(crate) active: Option<Arc<LoadedPlugin>>,
    /// The last active revision, which may have to be loaded.
    pub(crate) last: Option<Revision>,
}

impl Rehearser {
    /// Rehearses a revision and decides whether it may become active.
    pub(crate) async fn rehearse(self, next: &Ready) -> Verdict {
        let (plugin, policy) = (next.loaded.plugin(), next.settings.rehearsal.policy);
        if policy == RehearsalPolicy::Off {
            return Verdict::Unrehearsed;
        }

        let _slot = self.slot.take().await;
        let active = match &self.active {
            Some(active) => Some(Arc::clone(active)),
            None => self.recall(plugin).await,
        };
        let rehearsal = rehearsal(next, active, &self.desired);
        verdict(plugin, policy, &rehearsal.run(&self.material).await)
    }

    /// Runs changed fixtures with the active revision, and logs the result.
    pub(crate) async fn check_fixtures(self, serving: &Ready) {
        let (plugin, revision) = (serving.loaded.plugin(), serving.loaded.revision().short());

        let _slot = self.slot.take().await;
        let rehearsal = Rehearsal {
            events: 0,
            ..rehearsal(serving, None, &self.desired)
        };

        let report = rehearsal.run(&self.material).await;
        let summary = report.summary();
        if report.has_findings() {
            let report = report.text();
            tracing::warn!(
                target: "hookyard::release", %plugin, revision, reason = summary, report,
                "fixtures changed, and the active revision does not pass them"
            );
        } else if !report.is_empty() {
            tracing::info!(
                target: "hookyard::release", %plugin, revision, reason = summary,
                "fixtures changed"
            );
        }
    }

    /// Loads the last active revision, if it can be loaded.
    async fn recall(&self, plugin: &PluginRef) -> Option<Arc<LoadedPlugin>> {
        let (loader, plugin, last) = (
            self.desired.loader(&self.engine),
            plugin.clone(),
            self.last?,
        );
        let recalled = tokio::task::spawn_blocking(move || loader.recall(&plugin, last)).await;
        Some(recalled.ok()?.ok()?.loaded)
    }
}

/// Decides with the policy whether the candidate may become active.
fn verdict(plugin: &PluginRef, policy: RehearsalPolicy, report: &Report) -> Verdict {
    if report.is_empty() {
        return Verdict::Unrehearsed;
    }

    let (summary, text) = (report.summary(), report.text());
    if !report.has_findings() {
        return Verdict::Passed(Findings {
            summary,
            report: text,
        });
    }

    if policy != RehearsalPolicy::Require {
        tracing::warn!(
            target: "hookyard::release", %plugin, revision = report.candidate.short(),
            reason = summary,
            "rehearsal has findings, but the revision becomes active, because the policy is `{}`: \
             `hookyard plugins show {plugin}` shows the report",
            policy.name()
        );
        return Verdict::Passed(Findings {
            summary,
            report: text,
        });
    }

    let way_out = format!(
        "`hookyard plugins show {plugin}` shows the report; if the change is intended, set \
         policy = \"warn\" under [rehearsal] in {plugin}.toml"
    );
    Verdict::Failed(Findings {
        summary: format!("rehearsal: {summary}; {way_out}"),
        report: text,
    })
}

/// Returns the input of the rehearsal of `next`.
fn rehearsal(next: &Ready, active: Option<Arc<LoadedPlugin>>, desired: &Desired) -> Rehearsal {
    let (plugin, plan) = (next.loaded.plugin(), next.settings.rehearsal);
    let subscription = subscription(&next.loaded, next.settings.sources.clone());
    let source = |source: &SourceName| {
        let source = SourceRef {
            tenant: plugin.tenant.clone(),
            name: source.clone(),
        };
        let provider = desired.sources.get(&source)?.clone();
        Some((source, provider))
    };

    Rehearsal {
        candidate: Arc::clone(&next.loaded),
        active,
        fixtures: Arc::clone(&next.fixtures),
        sources: subscription
            .sources_of(plugin, &desired.sources)
            .into_iter()
            .filter_map(source)
            .collect(),
        providers: Arc::clone(&desired.providers),
        events: plan.events,
        time_max: plan.time_max,
    }
}

/// Prepares the rehearsal of a component that is not in the plugin folder.
///
/// The candidate is compared with the revision `serving`, which the caller reads from the record.
/// If that revision is not kept, the candidate is compared with the file in the plugin folder.
/// The fixtures are in the folder that `component` names, or else in the plugin folder. Blocks
/// while the component compiles.
///
/// # Errors
///
/// Returns the reason if the component would be refused or cannot be read.
pub fn prepare(
    desired: &Desired,
    engine: &Arc<Engine>,
    plugin: &PluginRef,
    component: Component<'_>,
    serving: Option<Revision>,
) -> Result<Rehearsal, String> {
    let loader = desired.loader(engine);
    let Component { code, fixtures } = component;

    let next = loader
        .try_out(plugin, code, fixtures)
        .map_err(|failure| failure_reason(plugin, failure))?;

    let kept = serving.and_then(|serving| loader.recall(plugin, serving).ok());
    let in_folder = || {
        let path = loader.path(plugin, "wasm");
        let content = files::read(path.parent()?, &path, desired.plugins.file_max).ok()?;
        loader.try_out(plugin, &content.bytes, fixtures).ok()
    };

    let active = kept.or_else(in_folder).map(|ready| ready.loaded);
    Ok(rehearsal(&next, active, desired))
}

/// Prepares the rehearsal of a revision of a plugin: the archived component, or else the file in the
/// plugin folder. Blocks while the component compiles.
///
/// # Errors
///
/// Returns the reason if neither can be loaded.
pub fn prepare_revision(
    desired: &Desired,
    engine: &Arc<Engine>,
    plugin: &PluginRef,
    revision: Revision,
) -> Result<Rehearsal, String> {
    let loader = desired.loader(engine);
    if let Ok(ready) = loader.recall(plugin, revision) {
        return Ok(rehearsal(&ready, None, desired));
    }

    let path = loader.path(plugin, "wasm");
    let owner = path.parent().unwrap_or(&path);
    let content = files::read(owner, &path, desired.plugins.file_max)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let ready = loader
        .try_out(plugin, &content.bytes, &loader.path(plugin, "fixtures"))
        .map_err(|failure| failure_reason(plugin, failure))?;
    Ok(rehearsal(&ready, None, desired))
}

fn failure_reason(plugin: &PluginRef, failure: Failure) -> String {
    match failure {
        Failure::Refused(reason) | Failure::Unreadable(reason) | Failure::Uncompiled(reason) => {
            reason
        }
        Failure::Moved => format!("the files of the plugin {plugin} are changing; try again"),
    }
}

/// A component to rehearse by hand.
#[derive(Clone, Copy)]
pub struct Component<'c> {
    /// The bytes of the component.
    pub code: &'c [u8],
    /// The folder of its fixtures, which may not exist.
    pub fixtures: &'c Path,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(is_bad: bool) -> Report {
        let problems = if is_bad {
            vec!["the outcome is `done`, but rejected is expected".to_owned()]
        } else {
            Vec::new()
        };

        let revision = Revision::from_sha256([2; 32]);
        Report {
            fixtures: vec![("a".into(), problems)],
            ..Report::new(revision, None)
        }
    }

    #[test]
    fn policy_decides_about_findings() {
        let plugin = PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "books".parse().expect("a name"),
        };
        let verdict = |policy, report: &Report| verdict(&plugin, policy, report);
        let nothing = Report::new(Revision::from_sha256([2; 32]), None);

        for policy in RehearsalPolicy::ALL {
            assert_eq!(verdict(policy, &nothing), Verdict::Unrehearsed);
            assert!(matches!(
                verdict(policy, &report(false)),
                Verdict::Passed(_)
            ));
        }
        assert!(matches!(
            verdict(RehearsalPolicy::Warn, &report(true)),
            Verdict::Passed(_)
        ));

        let Verdict::Failed(findings) = verdict(RehearsalPolicy::Require, &report(true)) else {
            panic!("the revision is refused")
        };
        assert_eq!(
            findings.summary,
            "rehearsal: 1 of 1 fixture not as expected; `hookyard plugins show acme/books` shows the \
             report; if the change is intended, set policy = \"warn\" under [rehearsal] in \
             acme/books.toml"
        );
        assert!(
            findings
                .report
                .contains("the outcome is `done`, but rejected is expected"),
            "{}",
            findings.report
        );
    }
}
