//! The plugin under development: its builds, its fixtures and the events to send.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use hookyard_develop::dev::field::{self, Field};
use hookyard_develop::dev::queue::{self, Queue, QueuedEvent};
use hookyard_develop::dev::watch::Watch;
use hookyard_develop::test::{self, Component, Options, Report};
use hookyard_develop::workbench::{self, Workbench};
use hookyard_model::Outcome;
use hookyard_plugin::{HandlerKind, LoadedPlugin};
use hookyard_release::rehearsal::{FixtureText, Fixtures};

use super::changes::{Changes, stamp};
use super::folder::HostFolder;
use super::observer::Observed;
use super::serving::{Serving, Setup};
use super::terminal::Terminal;
use super::{Arguments, Next};
use crate::cli::Failure;
use crate::cli::shared::author::{self, BuildFailure, Target};
use crate::cli::shared::report;

/// The number of attempts of an event. It is in the generated configuration.
pub(super) const ATTEMPTS_MAX: u32 = 3;
/// A component that was built and tested.
pub(super) struct Release {
    pub(super) code: Vec<u8>,
    /// The text of the plugin's settings file.
    pub(super) settings: String,
    pub(super) report: Report,
    /// The loaded component.
    pub(super) plugin: Arc<LoadedPlugin>,
    events: Vec<QueuedEvent>,
    /// The line about the build.
    summary: String,
}

/// The plugin and its host.
pub(super) struct Workspace {
    config_path: PathBuf,
    target: Target,
    is_built: bool,
    workbench: Arc<Workbench>,
    changes: Changes,
    pub(super) queue: Queue,
    /// The number of events that were captured elsewhere.
    pub(super) captured: usize,
    /// The number of events of fixtures.
    pub(super) fixture_count: usize,
    captured_events: Vec<QueuedEvent>,
    provider: Option<String>,
    serving: Option<Serving>,
}

impl Workspace {
    pub(super) fn new(
        config_path: &Path,
        arguments: &Arguments,
        target: Target,
    ) -> Result<Self, Failure> {
        let captured_events = match &arguments.tunnel_from {
            Some(file) => queue::captured(file).map_err(Failure::Arguments)?,
            None => Vec::new(),
        };
        let is_built = !arguments.no_build && matches!(target, Target::Folder { .. });
        let changes = match &target {
            Target::Folder { folder, .. } if is_built => {
                Changes::Sources(Watch::start(folder).map_err(|reason| anyhow!(reason))?)
            }
            _ => Changes::Component(target.component(), None),
        };

        Ok(Self {
            config_path: config_path.to_owned(),
            workbench: author::workbench(config_path)?,
            target,
            is_built,
            changes,
            queue: Queue::default(),
            captured: captured_events.len(),
            fixture_count: 0,
            captured_events,
            provider: arguments.provider.clone(),
            serving: None,
        })
    }

    /// Returns the author's folder.
    pub(super) fn folder(&self) -> &Path {
        match &self.target {
            Target::Folder { folder, .. } => folder,
            Target::Component { file, .. } => file.parent().unwrap_or(file),
        }
    }

    /// Waits until there is something to build.
    pub(super) async fn changed(&mut self) {
        self.changes.next().await;
    }

    /// Builds the plugin and runs its fixtures. Prints the reason and returns `None` if the plugin
    /// cannot be built or loaded.
    pub(super) async fn build(&mut self, terminal: &Terminal) -> Result<Option<Release>, Failure> {
        match &mut self.changes {
            Changes::Sources(watch) => watch.note_sources(),
            Changes::Component(path, seen) => *seen = stamp(path),
        }

        let began = Instant::now();
        if self.is_built {
            let folder = self.folder().to_owned();
            let config_path = self.config_path.clone();
            let screen = terminal.clone();
            let build = move || {
                // A fault of standard output is reported by the next line of the screen.
                let mut progress = |line: &str| drop(screen.line(line));
                author::build(&folder, &config_path, &mut progress)
            };
            let built = tokio::task::spawn_blocking(build)
                .await
                .context("the build failed")?;
            match built {
                Ok(_) => {}
                Err(BuildFailure::Build(error)) => {
                    terminal.timed("✗ not built")?;
                    terminal.line(&report::text(&error))?;
                    return Ok(None);
                }
                Err(BuildFailure::Command(failure)) => return Err(failure),
            }
        }
        self.test(began, terminal).await
    }

    async fn test(
        &mut self,
        began: Instant,
        terminal: &Terminal,
    ) -> Result<Option<Release>, Failure> {
        let code = self.target.code()?;
        let fixtures = match &self.target {
            Target::Folder { .. } => Fixtures::in_folder(&self.target.fixtures()),
            Target::Component { .. } => Fixtures::read(&code, &self.target.fixtures()),
        };
        let settings = self.target.settings()?;
        let events = fixture_events(&fixtures);

        let built = began.elapsed();
        let read = workbench::settings(&settings.path, &settings.text, &self.workbench.providers);
        let component = read.map(|read| Component {
            name: self.target.name().to_owned(),
            code: code.clone(),
            fixtures,
            settings: read,
        });
        let tested = match component {
            Ok(component) => test::run(&self.workbench, component, &Options::default()).await,
            Err(faults) => Err(faults),
        };
        let (report, plugin) = match tested {
            Ok(tested) => tested,
            Err(reason) => {
                terminal.timed(&format!("✗ {} {reason}", self.target.name()))?;
                return Ok(None);
            }
        };

        for failure in report.failures() {
            terminal.line(&failure)?;
        }
        let summary = self.summary(built, code.len(), &report);
        Ok(Some(Release {
            code,
            settings: settings.text,
            report,
            plugin,
            events,
            summary,
        }))
    }

    fn summary(&self, built: Duration, size: usize, report: &Report) -> String {
        let (total, size) = (report.fixtures.len(), size as f64 / f64::from(1 << 20));
        let good = report.fixtures.iter().filter(|it| it.is_good()).count();
        let built = if self.is_built {
            format!("built {size:.1} MiB in {:.1} s", built.as_secs_f64())
        } else {
            format!("{size:.1} MiB")
        };
        format!("{built} · {good} of {total} fixtures ok")
    }

    /// Starts the host with the first release.
    pub(super) async fn start(
        &mut self,
        arguments: &Arguments,
        release: Release,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let setup = Setup {
            config_path: self.config_path.clone(),
            workbench: Arc::clone(&self.workbench),
            listen: arguments.address(),
        };
        let folder = HostFolder::new(arguments.keep.as_deref())?;
        let names = self.provider_names(&release)?;
        let serving = Serving::start(setup, folder, &names, &release).await?;
        self.serving = Some(serving);
        self.replace(release, terminal).await
    }

    /// Drops a release into the plugin folder, and waits until it is active.
    pub(super) async fn replace(
        &mut self,
        release: Release,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        self.set_queue(&release)?;
        let Some(serving) = &self.serving else {
            return Ok(());
        };

        let revision = release.report.revision.short();
        let line = match serving.release(self.target.name(), &release).await? {
            Ok(()) => format!("{} · active {revision}", release.summary),
            Err(reason) => format!("✗ {} · {reason}", release.summary),
        };
        terminal.timed(&line)
    }

    /// Returns the providers whose events the plugin can receive.
    fn provider_names(&self, release: &Release) -> Result<BTreeSet<String>, Failure> {
        let typed = release.plugin.handlers().iter();
        let typed = typed.filter_map(|handler| match handler {
            HandlerKind::Typed { provider, .. } => Some(provider.clone()),
            HandlerKind::Untyped => None,
        });
        let of_events = release
            .events
            .iter()
            .filter_map(|event| event.provider.clone());
        let names: BTreeSet<String> = typed
            .chain(of_events)
            .chain(self.provider.clone())
            .collect();

        if names.is_empty() {
            return Err(Failure::Arguments(
                "the plugin is untyped, and no fixture names a provider; name one with --provider"
                    .to_owned(),
            ));
        }
        Ok(names)
    }

    fn set_queue(&mut self, release: &Release) -> Result<(), Failure> {
        let mut events = self.captured_events.clone();
        events.extend(release.events.iter().cloned());
        self.fixture_count = release.events.len();

        for name in self.provider_names(release)? {
            let provider = author::provider(&self.workbench.providers, &name)?;
            let samples = author::samples(&self.config_path, &provider)?;
            events.extend(samples.into_iter().map(|sample| QueuedEvent {
                headers: sample.headers(),
                name: sample.name,
                provider: Some(name.clone()),
                event_type: sample.event_type,
                body: sample.body,
            }));
        }
        self.queue.set(events);
        Ok(())
    }

    /// Waits for the next attempt, change or end.
    pub(super) async fn next(&mut self) -> Next {
        let Some(serving) = &mut self.serving else {
            return Next::Stopped;
        };
        tokio::select! {
            next = serving.next() => next,
            () = self.changes.next() => Next::Changed,
        }
    }

    /// Sends an event to the host.
    pub(super) async fn send(&mut self, event: &QueuedEvent) -> Result<(), String> {
        match &mut self.serving {
            Some(serving) => serving.send(event).await,
            None => Err("the host does not run".to_owned()),
        }
    }

    /// Returns the URL that accepts unsigned events.
    pub(super) fn url(&self) -> String {
        self.serving.as_ref().map(Serving::url).unwrap_or_default()
    }

    /// Returns the name of the fixture or sample that an attempt is of.
    pub(super) fn name(&self, observed: &Observed) -> Option<&str> {
        self.serving.as_ref()?.name(&observed.job.event.key)
    }

    /// Returns the field in the author's WIT that a decoding error is about.
    pub(super) fn field(&self, observed: &Observed) -> Option<Field> {
        let Outcome::Undecodable { path, .. } = &observed.result.outcome else {
            return None;
        };
        let event = &observed.job.event;
        let provider = self.workbench.providers.get(&event.provider)?;
        let case = provider.events.get(event.event_type.as_deref()?);
        field::find(self.folder(), case.map(|event| event.case.as_str()), path)
    }

    /// Returns the line about the plugin, its URL and the keys.
    pub(super) fn heading(&self, has_keys: bool) -> String {
        let keys = if has_keys {
            "   [s]end next  [r]epeat  [l]og  [o]pen  [q]uit"
        } else {
            ""
        };
        format!("{} → {}{keys}", self.target.name(), self.url())
    }

    /// Stops the host.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        match self.serving {
            Some(serving) => serving.stop().await,
            None => Ok(()),
        }
    }
}

/// Returns the events of the fixtures.
fn fixture_events(fixtures: &Fixtures) -> Vec<QueuedEvent> {
    let event = |fixture: &FixtureText| {
        let event = fixture.event()?;
        Some(QueuedEvent {
            name: fixture.name.clone(),
            provider: event.provider,
            event_type: event.event_type,
            headers: event.headers,
            body: event.body.to_vec(),
        })
    };
    fixtures.all.iter().filter_map(event).collect()
}
