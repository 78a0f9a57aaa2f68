//! The links that are kept for later, and how many there may be.
//!
//! A link is kept under the policy that it was opened under and the target that it leads to, and is given to nobody else.
//! All maps are bounded: policies by `POLICIES_MAX`, links by the places, of which each holds one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hookyard_model::TenantName;
use rustls::ClientConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::bounds::Bounds;
use crate::error::Error;
use crate::link::Link;
use crate::policy::Policy;
use crate::target::Target;
use crate::tls::Trust;

/// Policies whose links and TLS configuration are kept.
const POLICIES_MAX: usize = 1024;

/// What a link is kept under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The policy's number; numbers are never used again.
    policy: u64,
    /// The policy's, whose links they are.
    tenant: Option<TenantName>,
    target: Target,
}

impl Key {
    fn new(number: u64, policy: &Policy, target: &Target) -> Self {
        Self {
            policy: number,
            tenant: policy.tenant.clone(),
            target: target.clone(),
        }
    }
}

/// The place of one connection: among all, and among its tenant's.
#[derive(Debug)]
pub(crate) struct Place {
    _all: OwnedSemaphorePermit,
    _tenants: Option<OwnedSemaphorePermit>,
}

/// A policy that was used before.
#[derive(Debug)]
struct Known {
    number: u64,
    tls: Arc<ClientConfig>,
    used: Instant,
}

#[derive(Debug)]
struct Kept {
    link: Link,
    since: Instant,
}

#[derive(Debug, Default)]
struct State {
    policies: HashMap<Policy, Known>,
    numbers: u64,
    links: HashMap<Key, Vec<Kept>>,
}

/// The links that are kept for later.
#[derive(Debug)]
pub(crate) struct Pool {
    state: Mutex<State>,
    places: Arc<Semaphore>,
    tenant_places: Bounds<TenantName>,
    waiting: AtomicUsize,
    idle_timeout: Duration,
}

impl Pool {
    pub(crate) fn new(connections_max: usize, idle_timeout: Duration) -> Self {
        let connections_max = connections_max.min(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(connections_max));
        // What one tenant can't have is left for the others, and for the host itself.
        let tenant_places = Bounds::new(connections_max - connections_max / 4);
        Self {
            state: Mutex::default(),
            places,
            tenant_places,
            waiting: AtomicUsize::new(0),
            idle_timeout,
        }
    }

    /// What the links of a policy to a target are kept under, and the policy's TLS configuration.
    pub(crate) fn key(
        &self,
        policy: &Policy,
        target: &Target,
        trust: &Trust,
    ) -> Result<(Key, Arc<ClientConfig>), Error> {
        let mut state = self.state();
        let now = Instant::now();
        if let Some(known) = state.policies.get_mut(policy) {
            known.used = now;
            return Ok((
                Key::new(known.number, policy, target),
                Arc::clone(&known.tls),
            ));
        }
        let tls = trust.of(policy)?;
        state.make_room();
        state.numbers += 1;
        let number = state.numbers;
        state.policies.insert(
            policy.clone(),
            Known {
                number,
                tls: Arc::clone(&tls),
                used: now,
            },
        );
        Ok((Key::new(number, policy, target), tls))
    }

    /// A link that was kept under `key`: the one that was used last, because it's the likeliest to be open still.
    pub(crate) fn take(&self, key: &Key) -> Option<Link> {
        let mut state = self.state();
        let kept = state.links.get_mut(key)?;
        let found = loop {
            let Some(last) = kept.last_mut() else {
                break None;
            };
            if last.link.is_closed() || last.since.elapsed() > self.idle_timeout {
                kept.pop();
                continue;
            }
            if let Some(shared) = last.link.share() {
                last.since = Instant::now();
                break Some(shared);
            }
            break kept.pop().map(|kept| kept.link);
        };
        if kept.is_empty() {
            state.links.remove(key);
        }
        found
    }

    /// Keeps a link for later, unless somebody waits for its place or its like is there already.
    pub(crate) fn keep(&self, key: &Key, link: Link) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            return;
        }
        let mut state = self.state();
        state.expire(self.idle_timeout);
        // The policy may have been forgotten while the link was used.
        if !state
            .policies
            .values()
            .any(|known| known.number == key.policy)
        {
            return;
        }
        let kept = state.links.entry(key.clone()).or_default();
        let is_there =
            link.share().is_some() && kept.iter().any(|kept| kept.link.share().is_some());
        if !is_there {
            kept.push(Kept {
                link,
                since: Instant::now(),
            });
        }
    }

    /// Gives a link to nobody any more. Those who share it may finish.
    pub(crate) fn forget(&self, key: &Key, link: &Link) {
        if let Some(kept) = self.state().links.get_mut(key) {
            kept.retain(|kept| !kept.link.is_same(link));
        }
    }

    /// A place for one more connection. Where all are taken, or all that the tenant may have, the link that has been
    /// unused for longest makes room: anybody's, or one of the tenant's.
    pub(crate) async fn place(&self, tenant: Option<&TenantName>) -> Place {
        // The tenant's comes first, so that nobody waits for one of those while holding a place that others could use.
        let of_tenant = match tenant {
            Some(name) => {
                let places = self.tenant_places.counter(name.clone());
                Some(
                    self.one_of(places, |key| key.tenant.as_ref() == tenant)
                        .await,
                )
            }
            None => None,
        };
        Place {
            _all: self.one_of(Arc::clone(&self.places), |_| true).await,
            _tenants: of_tenant,
        }
    }

    async fn one_of(
        &self,
        places: Arc<Semaphore>,
        may_make_room: impl Fn(&Key) -> bool,
    ) -> OwnedSemaphorePermit {
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            return place;
        }
        let _waiting = Waiting::new(&self.waiting);
        self.state().evict(may_make_room);
        places
            .acquire_owned()
            .await
            .expect("the places are never closed")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held; were it otherwise, links would be missing and none would be wrong.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Forgets the policy that was used longest ago, with its links, where there are as many as there may be.
    fn make_room(&mut self) {
        if self.policies.len() < POLICIES_MAX {
            return;
        }
        let oldest = self
            .policies
            .iter()
            .min_by_key(|(_, known)| known.used)
            .map(|(policy, _)| policy.clone());
        if let Some(known) = oldest.and_then(|policy| self.policies.remove(&policy)) {
            self.links.retain(|key, _| key.policy != known.number);
        }
    }

    /// Drops the links that have been unused for too long.
    fn expire(&mut self, idle_timeout: Duration) {
        for kept in self.links.values_mut() {
            kept.retain(|kept| kept.since.elapsed() <= idle_timeout || !kept.link.is_unused());
        }
        self.links.retain(|_, kept| !kept.is_empty());
    }

    /// Drops the link that has been unused for longest, of those that may make room.
    fn evict(&mut self, may_make_room: impl Fn(&Key) -> bool) {
        let unused = |kept: &&Kept| kept.link.is_unused();
        let oldest_of = |kept: &Vec<Kept>| kept.iter().filter(unused).map(|kept| kept.since).min();
        let links = self.links.iter().filter(|(key, _)| may_make_room(key));
        let oldest = links
            .filter_map(|(key, kept)| Some((oldest_of(kept)?, key.clone())))
            .min_by_key(|it| it.0);
        if let Some((since, key)) = oldest
            && let Some(kept) = self.links.get_mut(&key)
            && let Some(index) = kept
                .iter()
                .position(|kept| kept.since == since && kept.link.is_unused())
        {
            kept.remove(index);
        }
    }
}

/// Counts somebody who waits for a place, for as long as it's held.
struct Waiting<'w>(&'w AtomicUsize);

impl<'w> Waiting<'w> {
    fn new(count: &'w AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
