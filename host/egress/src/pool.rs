//! The pool of idle links, and the slots that limit how many links are open.
//!
//! A link belongs to the policy that it was opened under and to its target, and no other exchange
//! gets it. All maps are bounded: `POLICIES_MAX` limits the policies, and the slots limit the
//! links.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hookyard_model::TenantName;
use rustls::ClientConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::error::Error;
use crate::link::Link;
use crate::policy::Policy;
use crate::slots::{ConnectionSlot, KeyedSlots};
use crate::target::Target;
use crate::tls::Trust;

/// The maximum number of policies that the pool remembers.
const POLICIES_MAX: usize = 1024;

/// The key of a link in the pool.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The number of the policy. Numbers are never used again.
    policy: u64,
    /// The tenant of the policy.
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

/// What the pool remembers of a policy.
#[derive(Debug)]
struct PolicyEntry {
    number: u64,
    tls: Arc<ClientConfig>,
    used_at: Instant,
}

#[derive(Debug)]
struct IdleLink {
    link: Link,
    idle_since: Instant,
}

#[derive(Debug, Default)]
struct State {
    policies: HashMap<Policy, PolicyEntry>,
    last_number: u64,
    links: HashMap<Key, Vec<IdleLink>>,
}

/// The idle links of a door.
#[derive(Debug)]
pub(crate) struct Pool {
    state: Mutex<State>,
    slots: Arc<Semaphore>,
    tenant_slots: KeyedSlots<TenantName>,
    /// The number of exchanges that wait for a connection slot.
    waiting: AtomicUsize,
    idle_timeout: Duration,
}

impl Pool {
    pub(crate) fn new(connections_max: usize, idle_timeout: Duration) -> Self {
        let connections_max = connections_max.min(Semaphore::MAX_PERMITS);
        // A quarter is left for other tenants and for the host itself.
        let tenant_max = connections_max - connections_max / 4;

        Self {
            state: Mutex::default(),
            slots: Arc::new(Semaphore::new(connections_max)),
            tenant_slots: KeyedSlots::new(tenant_max),
            waiting: AtomicUsize::new(0),
            idle_timeout,
        }
    }

    /// Returns the key for links of `policy` to `target`, and the TLS configuration of the policy.
    pub(crate) fn key(
        &self,
        policy: &Policy,
        target: &Target,
        trust: &Trust,
    ) -> Result<(Key, Arc<ClientConfig>), Error> {
        let mut state = self.state();
        let now = Instant::now();

        if let Some(entry) = state.policies.get_mut(policy) {
            entry.used_at = now;
            let key = Key::new(entry.number, policy, target);
            return Ok((key, Arc::clone(&entry.tls)));
        }

        let entry = PolicyEntry {
            number: state.last_number + 1,
            tls: trust.tls_config(policy)?,
            used_at: now,
        };
        let (key, tls) = (
            Key::new(entry.number, policy, target),
            Arc::clone(&entry.tls),
        );
        state.make_room_for_policy();
        state.last_number += 1;
        state.policies.insert(policy.clone(), entry);
        Ok((key, tls))
    }

    /// Takes an idle link with this key. The link that was used last comes first, because it is the
    /// most likely to be open.
    pub(crate) fn take(&self, key: &Key) -> Option<Link> {
        let mut state = self.state();
        let idle = state.links.get_mut(key)?;
        while idle
            .last()
            .is_some_and(|last| last.link.is_closed() || last.is_expired(self.idle_timeout))
        {
            idle.pop();
        }

        // An HTTP/2 link stays in the pool, and the exchange gets a handle of it.
        let shared = idle.last_mut().and_then(|last| {
            let shared = last.link.share()?;
            last.idle_since = Instant::now();
            Some(shared)
        });
        let link = shared.or_else(|| idle.pop().map(|idle| idle.link));

        if idle.is_empty() {
            state.links.remove(key);
        }
        link
    }

    /// Puts a link into the pool, unless another exchange waits for its slot or the pool has a link
    /// that both can share.
    pub(crate) fn put(&self, key: &Key, link: Link) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            return;
        }

        let mut state = self.state();
        state.remove_expired(self.idle_timeout);
        // The policy may have been forgotten while the link was in use.
        if !state.has_policy(key.policy) {
            return;
        }

        let idle = state.links.entry(key.clone()).or_default();
        let is_covered = link.is_shareable() && idle.iter().any(|idle| idle.link.is_shareable());
        if !is_covered {
            idle.push(IdleLink {
                link,
                idle_since: Instant::now(),
            });
        }
    }

    /// Removes a link from the pool. Exchanges that share it may finish.
    pub(crate) fn remove(&self, key: &Key, link: &Link) {
        if let Some(idle) = self.state().links.get_mut(key) {
            idle.retain(|idle| !idle.link.is_same(link));
        }
    }

    /// Waits for a slot for a new connection. If all slots are taken, or all slots of the tenant,
    /// the link that has been idle for the longest time is closed: any link, or one of the
    /// tenant's.
    pub(crate) async fn connection_slot(&self, tenant: Option<&TenantName>) -> ConnectionSlot {
        // The tenant's slot comes first, so that an exchange that waits for it does not hold a slot
        // that others could use.
        let tenant_slot = match tenant {
            Some(name) => {
                let slots = self.tenant_slots.semaphore(name.clone());
                let slot = self.slot_of(slots, |key| key.tenant.as_ref() == tenant);
                Some(slot.await)
            }
            None => None,
        };

        ConnectionSlot {
            _all: self.slot_of(Arc::clone(&self.slots), |_| true).await,
            _tenant: tenant_slot,
        }
    }

    async fn slot_of(
        &self,
        slots: Arc<Semaphore>,
        may_close: impl Fn(&Key) -> bool,
    ) -> OwnedSemaphorePermit {
        if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
            return slot;
        }

        let _waiting = Waiting::new(&self.waiting);
        self.state().close_oldest(may_close);
        slots
            .acquire_owned()
            .await
            .expect("the semaphores are never closed")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held. If it did, links would be missing, but none would
        // be wrong.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IdleLink {
    fn is_expired(&self, idle_timeout: Duration) -> bool {
        self.idle_since.elapsed() > idle_timeout
    }
}

impl State {
    fn has_policy(&self, number: u64) -> bool {
        self.policies.values().any(|entry| entry.number == number)
    }

    /// Forgets the policy that was used longest ago, and closes its links, if the map is full.
    fn make_room_for_policy(&mut self) {
        if self.policies.len() < POLICIES_MAX {
            return;
        }

        let oldest = self
            .policies
            .iter()
            .min_by_key(|(_, entry)| entry.used_at)
            .map(|(policy, _)| policy.clone());
        if let Some(entry) = oldest.and_then(|policy| self.policies.remove(&policy)) {
            self.links.retain(|key, _| key.policy != entry.number);
        }
    }

    /// Closes the links that have been idle for too long.
    fn remove_expired(&mut self, idle_timeout: Duration) {
        for idle in self.links.values_mut() {
            idle.retain(|idle| !idle.is_expired(idle_timeout) || !idle.link.is_unused());
        }
        self.links.retain(|_, idle| !idle.is_empty());
    }

    /// Closes the link that has been idle for the longest time, among those whose key `may_close`
    /// accepts.
    fn close_oldest(&mut self, may_close: impl Fn(&Key) -> bool) {
        let oldest = self
            .links
            .iter()
            .filter(|(key, _)| may_close(key))
            .flat_map(|(key, idle)| idle.iter().enumerate().map(move |entry| (key, entry)))
            .filter(|(_, (_, idle))| idle.link.is_unused())
            .min_by_key(|(_, (_, idle))| idle.idle_since)
            .map(|(key, (index, _))| (key.clone(), index));

        if let Some((key, index)) = oldest
            && let Some(idle) = self.links.get_mut(&key)
        {
            idle.remove(index);
        }
    }
}

/// Counts an exchange as waiting until this is dropped.
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
