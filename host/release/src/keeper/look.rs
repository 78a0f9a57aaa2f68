//! Looks at the plugin folder, and feeds what a look shows.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::{DEBOUNCE, Keeper, ROUTE_PACE};
use crate::decide::Input;
use crate::desired::Desired;
use crate::folder::sighting::{self, Sighting};
use crate::folder::watch::Folders;

/// What one look at the folder found, and the configuration that applied then.
pub(super) struct Look {
    desired: Arc<Desired>,
    result: Result<FolderState, String>,
}

/// What the folder holds.
struct FolderState {
    sighting: Sighting,
    /// The folders in which a change could show.
    watched: Folders,
    /// Whether a file that plugins' settings refer to has changed.
    have_references_changed: bool,
}

impl Keeper {
    /// Returns the time of the next look at the folder.
    pub(super) fn look_at(&self) -> Instant {
        if self.is_look_wanted {
            return self.looked_at;
        }

        let desired = self.desired.borrow();
        let due = self.plugins.next_due(desired.plugins.windows);
        let rescan = self.looked_at + desired.plugins.rescan;
        // A look that fails leaves what was due.
        due.map_or(rescan, |due| due.max(self.looked_at + DEBOUNCE).min(rescan))
    }

    /// Returns the time at which something is due although nothing happens until then.
    pub(super) fn due(&self) -> Instant {
        let stored_at = self.router.stored_at().filter(|_| self.active.has_news());
        let routing = stored_at.map(|at| at + ROUTE_PACE);
        routing.into_iter().fold(self.look_at(), Instant::min)
    }

    /// Looks at the folder. A look may take long, and nothing else of the host waits for it.
    pub(super) fn look(&mut self) -> impl Future<Output = Look> + use<> {
        (self.is_look_wanted, self.looked_at) = (false, Instant::now());
        let desired = Arc::clone(&self.desired.borrow());
        let precedence = Arc::new(self.plugins.precedence());
        let lister = Arc::clone(&self.lister);
        let looking_by = Arc::clone(&desired);

        let looking = tokio::task::spawn_blocking(move || {
            let (plugins, references) = (&looking_by.plugins, &looking_by.references);
            let mut lister = lister.lock().unwrap_or_else(PoisonError::into_inner);
            let listing = lister
                .list(&plugins.folder, &precedence)
                .map_err(|error| format!("{} cannot be read: {error}", plugins.folder.display()))?;
            let count_max = plugins.tenant_count_max;
            Ok(FolderState {
                sighting: sighting::judge(&plugins.folder, &listing, &precedence, count_max),
                watched: listing.watched,
                have_references_changed: references.have_changed(),
            })
        });
        async move {
            let result = looking.await.unwrap_or_else(|error| Err(error.to_string()));
            Look { desired, result }
        }
    }

    pub(super) async fn take_in(&mut self, look: Look) {
        let FolderState {
            mut sighting,
            watched,
            have_references_changed,
        } = match look.result {
            Ok(state) => state,
            // Nothing follows from a folder that cannot be read: what is loaded goes on serving.
            Err(problem) => return self.log_problems([problem].into()),
        };
        self.has_looked = true;
        self.watch.listen(&watched);
        if have_references_changed {
            self.load_all_again().await;
        }

        let mut problems = std::mem::take(&mut sighting.problems);
        problems.extend(sighting.over_lines.iter().cloned());
        for (plugin, files) in self.plugins.look(sighting) {
            self.feed(&plugin, Input::Seen(files), None).await;
        }
        for plugin in self.plugins.over_limit() {
            let count_max = look.desired.plugins.tenant_count_max;
            self.feed(&plugin, Input::OverLimit(count_max), None).await;
        }
        self.log_problems(problems);
    }

    /// Logs the problems that were not there at the last look.
    fn log_problems(&mut self, problems: BTreeSet<String>) {
        for problem in problems.difference(&self.problems) {
            tracing::warn!(target: "hookyard::release", "{problem}");
        }
        self.problems = problems;
    }
}
