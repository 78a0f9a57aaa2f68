//! Takes in the results of loads and compilations.

use std::time::{Duration, Instant};

use hookyard_config::settings::RehearsalPolicy;
use hookyard_model::{PluginRef, Step};
use hookyard_plugin::CompileProgress;

use super::Keeper;
use crate::active::handlers;
use crate::component::load::{Loading, Ready, Report};
use crate::component::work::Done;
use crate::decide::{Input, LoadedFile};

/// How long results of loads are taken in one after the other, before anything else has its turn.
const RESULTS_TIME: Duration = Duration::from_millis(2);

impl Keeper {
    /// Takes in a result, and those that have arrived by then.
    pub(super) async fn all_done(&mut self, done: Done) {
        let began = Instant::now();
        self.done(done).await;
        while began.elapsed() < RESULTS_TIME
            && let Some(done) = self.work.try_next()
        {
            self.done(done).await;
        }
    }

    async fn done(&mut self, done: Done) {
        // The reports of a compilation come before its result.
        while let Ok(report) = self.reports.1.try_recv() {
            self.reported(report).await;
        }

        match done {
            Done::Loaded(plugin, Loading { revision, result }) => match result {
                Ok(ready) => self.loaded(&plugin, ready).await,
                Err(failure) => {
                    let input = Input::LoadFailed(revision, failure);
                    self.feed(&plugin, input, None).await;
                }
            },
            Done::Recalled(plugin, revision, result) => {
                let (ready, result) = match result {
                    Ok(ready) => (Some(ready), Ok(())),
                    Err(failure) => (None, Err(failure)),
                };
                self.feed(&plugin, Input::Recalled(revision, result), ready)
                    .await;
            }
        }
    }

    async fn loaded(&mut self, plugin: &PluginRef, ready: Ready) {
        let fixtures = self.active.fixtures(plugin);
        let file = LoadedFile {
            revision: ready.loaded.revision(),
            handlers: handlers(&ready.loaded),
            is_rehearsed: ready.settings.rehearsal.policy != RehearsalPolicy::Off,
            has_new_fixtures: fixtures.is_some_and(|fixtures| *fixtures != *ready.fixtures),
        };
        self.feed(plugin, Input::Loaded(file), Some(ready)).await;
    }

    pub(super) async fn reported(&mut self, (plugin, revision, progress): Report) {
        let step = match progress {
            CompileProgress::Queued => Step::Queued,
            CompileProgress::Compiling => Step::Compiling,
            CompileProgress::Compiled(_) => return,
        };
        self.feed(&plugin, Input::Compiling(revision, step), None)
            .await;
    }
}
