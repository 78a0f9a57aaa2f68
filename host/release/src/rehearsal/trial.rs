//! Runs one fixture by itself and returns everything that came of it. Authors of plugins see values
//! and log lines, which the report of a rehearsal leaves out.

use std::time::{Duration, Instant};

use hookyard_plugin::{HostFault, RehearsalResult};

use super::{Rehearsal, expect};

/// The result of one fixture.
#[derive(Debug)]
pub struct Trial {
    /// The differences from the expectations, or the faults that kept the fixture from running.
    pub problems: Vec<String>,
    /// The result of the attempt. `None` if the fixture could not be run.
    pub result: Option<RehearsalResult>,
    /// How long the attempt took.
    pub took: Duration,
}

impl Rehearsal {
    /// Runs the fixture with this number.
    ///
    /// # Errors
    ///
    /// Fails only if the host itself fails.
    ///
    /// # Panics
    ///
    /// Panics if there are fewer fixtures.
    pub async fn try_fixture(&self, number: usize) -> Result<Trial, HostFault> {
        let began = Instant::now();
        let not_run = |problem| Trial {
            problems: vec![problem],
            result: None,
            took: began.elapsed(),
        };

        let fixture = match self.fixtures.all[number].fixture() {
            Ok(fixture) => fixture,
            Err(why) => return Ok(not_run(why)),
        };
        let scene = match self.fixture_scene(&fixture, number) {
            Ok(scene) => scene,
            Err(why) => return Ok(not_run(why)),
        };

        let attempt = scene.run_attempt(&self.candidate).await?;
        Ok(Trial {
            problems: expect::check(&fixture.expect, &attempt.result),
            result: Some(attempt.result),
            took: began.elapsed(),
        })
    }
}
