//! Loads that run off the keeper's task. Their results are handed out by turns of tenants, so that
//! a thousand results of one tenant do not hold up the results of others.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};

use hookyard_model::{PluginRef, Revision, TenantName};
use tokio::task::{JoinError, JoinSet};

use super::load::{Failure, Loading, Ready};

/// The result of a load.
pub(crate) enum Done {
    /// A file was loaded.
    Loaded(PluginRef, Loading),
    /// A revision was loaded from the archive.
    Recalled(PluginRef, Revision, Result<Ready, Failure>),
}

impl Done {
    fn tenant(&self) -> &TenantName {
        let (Self::Loaded(plugin, _) | Self::Recalled(plugin, ..)) = self;
        &plugin.tenant
    }
}

/// The loads that are under way, and the results that have not been handed out.
#[derive(Default)]
pub(crate) struct Work {
    running: JoinSet<Done>,
    done: Turns<Done>,
}

impl Work {
    /// Starts a load.
    pub(crate) fn spawn(&mut self, work: impl Future<Output = Done> + Send + 'static) {
        self.running.spawn(work);
    }

    /// Returns whether no load is under way and no result is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty() && self.done.is_empty()
    }

    /// Waits for the next result; `None` if there is nothing to wait for.
    ///
    /// No result is lost if the returned future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Done> {
        loop {
            if let Some(done) = self.try_next() {
                return Some(done);
            }
            let ended = self.running.join_next().await?;
            self.put(ended);
        }
    }

    /// Returns the next result, if there is one by now.
    pub(crate) fn try_next(&mut self) -> Option<Done> {
        while let Some(ended) = self.running.try_join_next() {
            self.put(ended);
        }
        self.done.next()
    }

    fn put(&mut self, ended: Result<Done, JoinError>) {
        match ended {
            Ok(done) => self.done.put(done.tenant().clone(), done),
            Err(error) => {
                tracing::error!(
                    target: "hookyard::release", %error,
                    "a task that loads a plugin ended without a result"
                );
            }
        }
    }
}

/// Items of tenants, who take turns.
struct Turns<T> {
    waiting: BTreeMap<TenantName, VecDeque<T>>,
    /// The tenant that had the last turn.
    last: Option<TenantName>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            last: None,
        }
    }
}

impl<T> Turns<T> {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn put(&mut self, tenant: TenantName, item: T) {
        self.waiting.entry(tenant).or_default().push_back(item);
    }

    /// Removes and returns the first item of the tenant whose turn it is.
    fn next(&mut self) -> Option<T> {
        let after = self
            .last
            .as_ref()
            .and_then(|last| self.waiting.range((Excluded(last), Unbounded)).next());
        let (tenant, _) = after.or_else(|| self.waiting.first_key_value())?;

        let tenant = tenant.clone();
        let items = self.waiting.get_mut(&tenant)?;
        let item = items.pop_front();
        if items.is_empty() {
            self.waiting.remove(&tenant);
        }
        self.last = Some(tenant);
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_take_turns() {
        let mut turns = Turns::default();
        let put = |turns: &mut Turns<u32>, tenant: &str, thing| {
            turns.put(tenant.parse().expect("a name"), thing)
        };

        for thing in 0..1000 {
            put(&mut turns, "mallory", thing);
        }

        assert_eq!(turns.next(), Some(0));
        for (tenant, thing) in [("acme", 2000), ("acme", 2001), ("zoe", 3000)] {
            put(&mut turns, tenant, thing);
        }

        let next: Vec<_> = std::iter::from_fn(|| turns.next()).take(6).collect();
        assert_eq!(next, [3000, 2000, 1, 2001, 2, 3]);
        assert_eq!(std::iter::from_fn(|| turns.next()).count(), 996);
        assert!(turns.is_empty());
    }
}
