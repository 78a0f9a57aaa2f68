//! `hookyard test`: runs the fixtures of a component and compares the results.
//!
//! The attempts are those of a rehearsal. In addition, the report has the log of a failed attempt
//! and the difference between the expected and the found result, and the found result can be
//! written into the fixtures.

mod diff;
pub(crate) mod found;
mod report;
mod update;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard_config::plugin_file::PluginSettings;
use hookyard_model::{LogLine, Revision, SourceRef};
use hookyard_plugin::{HandlerKind, LoadedPlugin};
use hookyard_release::rehearsal::{FixtureNeeds, FixtureText, Fixtures, Rehearsal, Trial};

use crate::json::Json;
use crate::workbench::{Subject, TENANT, Workbench};

/// A component to test.
pub struct Component {
    /// The name of the plugin.
    pub name: String,
    /// The bytes of the component.
    pub code: Vec<u8>,
    /// The fixtures.
    pub fixtures: Fixtures,
    /// The plugin's settings.
    pub settings: PluginSettings,
}

/// The choices of the author.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A part of the names of the fixtures to run. `None` to run all.
    pub filter: Option<String>,
    /// Whether to write the found results into the fixtures.
    pub update: bool,
}

/// The results of all fixtures.
pub struct Report {
    /// The name of the plugin.
    pub name: String,
    /// The tested revision.
    pub revision: Revision,
    /// The faults of fixtures that cannot be read.
    pub faults: Vec<String>,
    /// The fixtures that ran.
    pub fixtures: Vec<FixtureReport>,
    /// How long the test took, with the load of the component.
    pub took: Duration,
}

/// The result of one fixture.
pub struct FixtureReport {
    /// The name of the fixture.
    pub name: String,
    /// The file of the fixture. `None` if it is embedded in the component.
    pub file: Option<PathBuf>,
    /// The outcome in one line. `None` if the fixture could not be run.
    pub outcome: Option<String>,
    /// The differences from the expectations, one line each.
    pub problems: Vec<String>,
    /// The lines of the difference between the expected and the found result.
    pub diff: Vec<String>,
    /// The log of the attempt.
    pub log: Vec<LogLine>,
    /// How long the attempt took.
    pub took: Duration,
    /// Whether the fixture's file was rewritten.
    pub is_updated: bool,
}

impl Report {
    /// Returns whether every fixture is as expected, or was updated.
    pub fn is_good(&self) -> bool {
        self.faults.is_empty() && self.fixtures.iter().all(FixtureReport::is_good)
    }
}

impl FixtureReport {
    /// Returns whether the result is as expected, or was accepted.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty() || self.is_updated
    }
}

/// Runs the fixtures of a component. Returns the results and the loaded component.
///
/// # Errors
///
/// Returns the reason if the component cannot be loaded, or if the host itself fails.
pub async fn run(
    workbench: &Arc<Workbench>,
    component: Component,
    options: &Options,
) -> Result<(Report, Arc<LoadedPlugin>), String> {
    let began = Instant::now();
    let Component {
        name,
        code,
        fixtures,
        settings,
    } = component;
    let needs = needs(&fixtures.all);
    let faults = fixtures.faults.clone();

    let loaded = load(workbench, &name, code, needs.clone(), settings).await?;
    let rehearsal = Rehearsal {
        sources: sources(&loaded, &needs),
        candidate: loaded,
        active: None,
        fixtures: Arc::new(fixtures),
        providers: Arc::clone(&workbench.providers),
        events: 0,
        time_max: Duration::MAX,
    };

    let mut reports = Vec::new();
    for (number, fixture) in rehearsal.fixtures.all.iter().enumerate() {
        let filter = options.filter.as_deref().unwrap_or_default();
        if !fixture.name.contains(filter) {
            continue;
        }
        let trial = rehearsal.try_fixture(number).await;
        let trial = trial.map_err(|fault| fault.to_string())?;
        reports.push(fixture_report(fixture, trial, options.update)?);
    }

    match &options.filter {
        Some(filter) if reports.is_empty() => {
            return Err(format!("has no fixture whose name contains `{filter}`"));
        }
        _ => {}
    }
    let report = Report {
        name,
        revision: rehearsal.candidate.revision(),
        faults,
        fixtures: reports,
        took: began.elapsed(),
    };
    Ok((report, rehearsal.candidate))
}

async fn load(
    workbench: &Arc<Workbench>,
    name: &str,
    code: Vec<u8>,
    needs: FixtureNeeds,
    settings: PluginSettings,
) -> Result<Arc<LoadedPlugin>, String> {
    let (workbench, name) = (Arc::clone(workbench), name.to_owned());
    let load = move || {
        workbench.load(&Subject {
            name: &name,
            code: &code,
            needs,
            settings,
        })
    };
    tokio::task::spawn_blocking(load)
        .await
        .map_err(|error| error.to_string())?
}

/// Returns what all fixtures need together.
fn needs(fixtures: &[FixtureText]) -> FixtureNeeds {
    let mut all = FixtureNeeds::default();
    for fixture in fixtures {
        let FixtureNeeds {
            urls,
            destinations,
            source,
        } = fixture.needs();
        all.urls.extend(urls);
        all.destinations.extend(destinations);
        all.source = all.source.or(source);
    }
    all
}

/// Returns the source that a fixture names, as a source of the provider whose events the plugin
/// handles. Without a host, nothing else says whose source it is.
fn sources(loaded: &LoadedPlugin, needs: &FixtureNeeds) -> Vec<(SourceRef, String)> {
    let providers = loaded
        .handlers()
        .iter()
        .filter_map(|handler| match handler {
            HandlerKind::Typed { provider, .. } => Some(provider),
            HandlerKind::Untyped => None,
        });
    let source = needs.source.iter().filter_map(|name| {
        Some(SourceRef {
            tenant: TENANT.parse().ok()?,
            name: name.clone(),
        })
    });
    source.zip(providers.cloned()).collect()
}

fn fixture_report(
    fixture: &FixtureText,
    trial: Trial,
    is_update: bool,
) -> Result<FixtureReport, String> {
    let Trial {
        problems,
        result,
        took,
    } = trial;
    let whole = Json::parse(fixture.text()).map_err(|error| error.to_string())?;
    let expect = whole.member("expect");
    let found = result.as_ref().map(|result| found::found(expect, result));

    let is_red = !problems.is_empty();
    let diff = match &result {
        Some(result) if is_red => {
            let done = Json::Object(vec![("outcome".into(), Json::text("done"))]);
            let expect = expect.unwrap_or(&done);
            diff::lines(
                &expect.pretty(0),
                &found::found(Some(expect), result).pretty(0),
            )
        }
        _ => Vec::new(),
    };

    let mut is_updated = false;
    if let (Some(file), Some(found)) = (fixture.file(), &found)
        && is_update
        && (is_red || expect.is_none())
    {
        update::write(file, fixture.text(), found)?;
        is_updated = true;
    }

    let outcome = result.as_ref().map(|result| result.outcome.to_string());
    Ok(FixtureReport {
        name: fixture.name.clone(),
        file: fixture.file().map(PathBuf::from),
        outcome,
        problems,
        diff,
        log: result.map(|result| result.log).unwrap_or_default(),
        took,
        is_updated,
    })
}
