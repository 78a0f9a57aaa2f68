//! Repeated checks of many paths. Some of the paths may not answer.
//!
//! A path that does not answer delays the other paths once, by at most a second. Later checks skip
//! the path until its answer arrives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use super::{UNANSWERED_MAX, spawn};

/// How long a check waits for one path.
const TIMEOUT: Duration = Duration::from_secs(1);

/// A path and the folder that identifies its owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedPath {
    /// The folder that identifies the owner.
    pub owner: PathBuf,
    /// The path to check.
    pub path: PathBuf,
}

/// Repeated checks of paths. `T` is the result of one check.
#[derive(Debug)]
pub struct PathChecks<T> {
    /// The paths that have not answered, each with the receiver of its late answer.
    late: BTreeMap<OwnedPath, Receiver<T>>,
}

impl<T> Default for PathChecks<T> {
    fn default() -> Self {
        Self {
            late: BTreeMap::new(),
        }
    }
}

/// The result of the check of each path; `None` for a path that has not answered.
type Results<T> = BTreeMap<PathBuf, Option<T>>;

impl<T: Send + 'static> PathChecks<T> {
    /// Returns the result of `check` for each path, or `None` for a path that does not answer in
    /// time. A later call returns the late answer.
    pub fn run<C>(&mut self, paths: impl IntoIterator<Item = OwnedPath>, check: &C) -> Results<T>
    where
        C: Fn(&Path) -> T + Clone + Send + 'static,
    {
        self.run_within(TIMEOUT, paths, check)
    }

    fn run_within<C>(
        &mut self,
        timeout: Duration,
        paths: impl IntoIterator<Item = OwnedPath>,
        check: &C,
    ) -> Results<T>
    where
        C: Fn(&Path) -> T + Clone + Send + 'static,
    {
        let mut results = Results::new();
        let mut unchecked = Vec::new();
        for path in paths {
            match self.late.get(&path).map(Receiver::try_recv) {
                None => unchecked.push(path),
                Some(Err(TryRecvError::Empty)) => {
                    results.insert(path.path, None);
                }
                Some(answer) => {
                    self.late.remove(&path);
                    results.insert(path.path, answer.ok());
                }
            }
        }

        loop {
            let (allowed, skipped): (Vec<_>, Vec<_>) = unchecked
                .into_iter()
                .partition(|path| self.may_check(&path.owner));
            results.extend(skipped.into_iter().map(|path| (path.path, None)));
            if allowed.is_empty() {
                return results;
            }

            let answers = check_in_thread(&allowed, check.clone());
            unchecked = self.collect(timeout, allowed, answers, &mut results);
        }
    }

    fn may_check(&self, owner: &Path) -> bool {
        self.late.keys().filter(|late| late.owner == owner).count() < UNANSWERED_MAX
    }

    /// Collects the answers of `paths`, up to the first path that does not answer in time. Returns
    /// the paths after that one.
    fn collect(
        &mut self,
        timeout: Duration,
        paths: Vec<OwnedPath>,
        answers: Option<Receiver<T>>,
        results: &mut Results<T>,
    ) -> Vec<OwnedPath> {
        let mut paths = paths.into_iter();
        for path in paths.by_ref() {
            let answer = match &answers {
                Some(answers) => answers.recv_timeout(timeout),
                None => Err(RecvTimeoutError::Disconnected),
            };
            let is_late = matches!(answer, Err(RecvTimeoutError::Timeout));
            results.insert(path.path.clone(), answer.ok());

            if is_late {
                self.late.extend(answers.map(|answers| (path, answers)));
                break;
            }
        }
        paths.collect()
    }
}

/// Starts a thread that checks the paths in order. Returns the receiver of the results, or `None`
/// if the thread cannot be started. The thread ends when the receiver is dropped.
fn check_in_thread<T: Send + 'static>(
    paths: &[OwnedPath],
    check: impl Fn(&Path) -> T + Send + 'static,
) -> Option<Receiver<T>> {
    let (sender, answers) = mpsc::sync_channel(1);
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.path.clone()).collect();

    let started = spawn(move || {
        for path in paths {
            if sender.send(check(&path)).is_err() {
                return;
            }
        }
    });
    started.ok().map(|()| answers)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn owned(owner: &str, path: &str) -> OwnedPath {
        OwnedPath {
            owner: owner.into(),
            path: path.into(),
        }
    }

    #[test]
    fn unanswered_paths_delay_others_once() {
        let (end, ended) = mpsc::channel::<()>();
        let ended = Arc::new(Mutex::new(ended));
        let check = move |path: &Path| {
            let path = path.to_string_lossy().into_owned();
            if path.starts_with("dead") {
                let _ended = ended.lock().expect("unpoisoned").recv();
            }
            path
        };
        let paths = ["a", "dead 1", "b", "dead 2", "dead 3", "c"];
        let paths: Vec<_> = paths
            .map(|path| owned(if path == "c" { "blue" } else { "acme" }, path))
            .into();

        let mut checks = PathChecks::default();
        let mut answered = || {
            let results = checks.run_within(Duration::from_millis(50), paths.clone(), &check);
            assert_eq!(results.len(), paths.len());
            let answered: Vec<_> = results.into_values().flatten().collect();
            (answered.join(" "), checks.late.len())
        };
        assert_eq!(answered(), ("a b c".to_owned(), UNANSWERED_MAX));
        assert_eq!(
            answered(),
            ("c".to_owned(), UNANSWERED_MAX),
            "no more threads wait for the same owner"
        );

        drop(end);
        let begun = std::time::Instant::now();
        while answered() != ("a b c dead 1 dead 2 dead 3".to_owned(), 0) {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "late answers never arrive"
            );
        }
    }
}
