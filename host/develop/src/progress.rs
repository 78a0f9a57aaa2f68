//! The progress bar of a command that does the same many times.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The smallest number of steps for which a bar is shown.
const SHOWN_FROM: u64 = 20;

/// A bar on standard error, or nothing.
pub struct Progress(ProgressBar);

impl Progress {
    /// Returns a bar for this number of steps. It is hidden if `is_shown` is not set, or if there are
    /// few steps.
    pub fn new(steps: u64, is_shown: bool) -> Self {
        let target = if is_shown && steps >= SHOWN_FROM {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(steps), target);

        let style =
            ProgressStyle::with_template("{wide_bar} {pos} of {len}, {per_sec}, {eta} to go");
        Self(match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    /// Counts one step.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
