//! What is done off the keeper's task. Results are taken up by turns of tenants: a thousand of one hold up no other's.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};

use hookyard_model::{PluginRef, Revision, TenantName};
use tokio::task::{JoinError, JoinSet};

use super::load::{Failure, Loading, Ready};

/// What was done.
pub(crate) enum Done {
    /// A file was loaded.
    Loaded(PluginRef, Loading),
    /// A revision that had been kept was loaded.
    Recalled(PluginRef, Revision, Result<Ready, Failure>),
}

impl Done {
    fn tenant(&self) -> &TenantName {
        let (Self::Loaded(plugin, _) | Self::Recalled(plugin, ..)) = self;
        &plugin.tenant
    }
}

/// What is under way, and what is over and not taken up yet.
#[derive(Default)]
pub(crate) struct Work {
    under_way: JoinSet<Done>,
    over: Turns<Done>,
}

impl Work {
    pub(crate) fn spawn(&mut self, work: impl Future<Output = Done> + Send + 'static) {
        self.under_way.spawn(work);
    }

    /// Whether nothing is under way and nothing is left to be taken up.
    pub(crate) fn is_empty(&self) -> bool {
        self.under_way.is_empty() && self.over.is_empty()
    }

    /// The next result; `None` where there is nothing to wait for. Loses none when it's dropped.
    pub(crate) async fn next(&mut self) -> Option<Done> {
        while let Some(ended) = self.under_way.try_join_next() {
            self.put(ended);
        }
        loop {
            if let Some(done) = self.over.next() {
                return Some(done);
            }
            let ended = self.under_way.join_next().await?;
            self.put(ended);
        }
    }

    fn put(&mut self, ended: Result<Done, JoinError>) {
        match ended {
            Ok(done) => self.over.put(done.tenant().clone(), done),
            Err(error) => {
                tracing::error!(target: "hookyard::release", %error, "the host failed while it loaded a plugin");
            }
        }
    }
}

/// Things of tenants, who take turns.
struct Turns<T> {
    waiting: BTreeMap<TenantName, VecDeque<T>>,
    /// Whose turn was the last.
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

    fn put(&mut self, tenant: TenantName, thing: T) {
        self.waiting.entry(tenant).or_default().push_back(thing);
    }

    /// The first thing of the tenant whose turn it is.
    fn next(&mut self) -> Option<T> {
        let after = self
            .last
            .as_ref()
            .and_then(|last| self.waiting.range((Excluded(last), Unbounded)).next());
        let (tenant, _) = after.or_else(|| self.waiting.first_key_value())?;
        let tenant = tenant.clone();
        let things = self.waiting.get_mut(&tenant)?;
        let thing = things.pop_front();
        if things.is_empty() {
            self.waiting.remove(&tenant);
        }
        self.last = Some(tenant);
        thing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_take_turns_whatever_they_have_waiting() {
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
