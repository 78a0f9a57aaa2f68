//! Looks at many places again and again, where some may not answer. Those hold up the others once, and not for long.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use super::{UNANSWERED_MAX, spawn};

/// How long a look waits for one place.
const PATIENCE: Duration = Duration::from_secs(1);

/// A place, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub owner: PathBuf,
    pub path: PathBuf,
}

/// The places that have not answered yet, each with a thread that waits for it.
#[derive(Debug)]
pub struct Looks<T> {
    late: BTreeMap<Place, Receiver<T>>,
}

impl<T> Default for Looks<T> {
    fn default() -> Self {
        Self {
            late: BTreeMap::new(),
        }
    }
}

impl<T: Send + 'static> Looks<T> {
    /// What `work` finds at each place; nothing of those that don't answer. An answer that comes late is there at a later
    /// look.
    pub fn at<W>(
        &mut self,
        places: impl IntoIterator<Item = Place>,
        work: &W,
    ) -> BTreeMap<PathBuf, Option<T>>
    where
        W: Fn(&Path) -> T + Clone + Send + 'static,
    {
        self.at_with(places, work, PATIENCE)
    }

    fn at_with<W>(
        &mut self,
        places: impl IntoIterator<Item = Place>,
        work: &W,
        patience: Duration,
    ) -> BTreeMap<PathBuf, Option<T>>
    where
        W: Fn(&Path) -> T + Clone + Send + 'static,
    {
        let (mut found, mut asked) = (BTreeMap::new(), Vec::new());
        for place in places {
            match self.late.get(&place).map(Receiver::try_recv) {
                None => asked.push(place),
                Some(Err(TryRecvError::Empty)) => drop(found.insert(place.path, None)),
                Some(answer) => {
                    self.late.remove(&place);
                    found.insert(place.path, answer.ok());
                }
            }
        }

        loop {
            let (tried, left_out): (Vec<_>, Vec<_>) = asked
                .into_iter()
                .partition(|place| self.may_ask(&place.owner));
            found.extend(left_out.into_iter().map(|place| (place.path, None)));
            if tried.is_empty() {
                return found;
            }
            asked = self.ask(tried, work, patience, &mut found);
        }
    }

    fn may_ask(&self, owner: &Path) -> bool {
        self.late.keys().filter(|late| late.owner == owner).count() < UNANSWERED_MAX
    }

    /// Asks one place after the other, up to one that doesn't answer; returns those that are left.
    fn ask<W>(
        &mut self,
        places: Vec<Place>,
        work: &W,
        patience: Duration,
        found: &mut BTreeMap<PathBuf, Option<T>>,
    ) -> Vec<Place>
    where
        W: Fn(&Path) -> T + Clone + Send + 'static,
    {
        let answers = begin(
            places.iter().map(|place| place.path.clone()).collect(),
            work.clone(),
        );
        let mut places = places.into_iter();
        for place in places.by_ref() {
            let answer = match &answers {
                Some(answers) => answers.recv_timeout(patience),
                None => Err(RecvTimeoutError::Disconnected),
            };
            let is_late = matches!(answer, Err(RecvTimeoutError::Timeout));
            found.insert(place.path.clone(), answer.ok());
            if is_late {
                self.late.extend(answers.map(|answers| (place, answers)));
                break;
            }
        }
        places.collect()
    }
}

/// Has one thread look at places one after the other. It ends once nobody wants its answers.
fn begin<T: Send + 'static>(
    paths: Vec<PathBuf>,
    work: impl Fn(&Path) -> T + Send + 'static,
) -> Option<Receiver<T>> {
    let (sender, answers) = mpsc::sync_channel(1);
    let look = move || {
        for path in paths {
            if sender.send(work(&path)).is_err() {
                return;
            }
        }
    };
    spawn(look).ok().map(|()| answers)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn place(owner: &str, path: &str) -> Place {
        Place {
            owner: owner.into(),
            path: path.into(),
        }
    }

    #[test]
    fn places_that_do_not_answer_hold_up_the_others_once() {
        let (end, ended) = mpsc::channel::<()>();
        let ended = Arc::new(Mutex::new(ended));
        let work = move |path: &Path| {
            let path = path.to_string_lossy().into_owned();
            if path.starts_with("dead") {
                let _ended = ended.lock().expect("unpoisoned").recv();
            }
            path
        };
        let places = ["a", "dead 1", "b", "dead 2", "dead 3", "c"];
        let places: Vec<_> = places
            .map(|path| place(if path == "c" { "blue" } else { "acme" }, path))
            .into();
        let mut looks = Looks::default();
        let mut look = || {
            let found = looks.at_with(places.clone(), &work, Duration::from_millis(50));
            assert_eq!(found.len(), places.len());
            let answered: Vec<_> = found.into_values().flatten().collect();
            (answered.join(" "), looks.late.len())
        };
        assert_eq!(look(), ("a b c".to_owned(), UNANSWERED_MAX));
        assert_eq!(
            look(),
            ("c".to_owned(), UNANSWERED_MAX),
            "no more threads wait for the same owner"
        );

        drop(end);
        let begun = std::time::Instant::now();
        while look() != ("a b c dead 1 dead 2 dead 3".to_owned(), 0) {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "late answers are never there"
            );
        }
    }
}
