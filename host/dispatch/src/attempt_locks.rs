//! The locks that let an attempt run alone after conflicts.
//!
//! The attempts of a plugin run concurrently. An attempt runs again if another attempt has changed
//! a key that it read. After repeated conflicts it runs alone: it waits until the other attempts of
//! the plugin have ended, and later attempts wait for it, so it cannot lose again. Correct effects
//! do not need these locks; they only ensure that every attempt ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hookyard_model::PluginRef;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// The locks of all plugins that have running attempts.
#[derive(Debug, Default)]
pub(crate) struct AttemptLocks(Mutex<HashMap<PluginRef, Arc<RwLock<()>>>>);

/// A lock that an attempt holds from the beginning of its run to the end of its settlement.
#[derive(Debug)]
#[expect(dead_code, reason = "the guards are held until they are dropped")]
pub(crate) enum AttemptLock {
    /// Other attempts of the plugin run too.
    Shared(OwnedRwLockReadGuard<()>),
    /// No other attempt of the plugin runs.
    Exclusive(OwnedRwLockWriteGuard<()>),
}

impl AttemptLocks {
    /// Waits for a shared lock.
    pub(crate) async fn shared(&self, plugin: &PluginRef) -> AttemptLock {
        AttemptLock::Shared(self.of(plugin).read_owned().await)
    }

    /// Waits for an exclusive lock.
    pub(crate) async fn exclusive(&self, plugin: &PluginRef) -> AttemptLock {
        AttemptLock::Exclusive(self.of(plugin).write_owned().await)
    }

    fn of(&self, plugin: &PluginRef) -> Arc<RwLock<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(plugin) {
            return Arc::clone(lock);
        }

        // A guard keeps its lock alive, so a lock with a single owner is not held.
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(locks.entry(plugin.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(name: &str) -> PluginRef {
        PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: name.parse().expect("a name"),
        }
    }

    /// Returns the lock if it can be had without waiting.
    fn now<T>(wait: impl Future<Output = T>) -> Option<T> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(wait).poll(&mut context) {
            std::task::Poll::Ready(lock) => Some(lock),
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn exclusive_lock_excludes_the_same_plugin_only() {
        let (locks, ship, audit) = (AttemptLocks::default(), plugin("ship"), plugin("audit"));

        let first = now(locks.shared(&ship)).expect("no other lock");
        let second = now(locks.shared(&ship)).expect("shared locks");
        assert!(now(locks.exclusive(&ship)).is_none());

        drop((first, second));
        let alone = now(locks.exclusive(&ship)).expect("no other lock");
        assert!(now(locks.shared(&ship)).is_none());
        assert!(now(locks.exclusive(&audit)).is_some());

        drop(alone);
        assert!(now(locks.shared(&ship)).is_some());
    }

    #[test]
    fn unused_locks_are_forgotten() {
        let locks = AttemptLocks::default();
        let held = now(locks.shared(&plugin("ship")));

        for number in 0..10 {
            assert!(now(locks.shared(&plugin(&format!("p{number}")))).is_some());
        }

        let count = locks.0.lock().expect("a lock").len();
        assert_eq!(count, 2, "the lock in use and the last lock");
        drop(held);
    }
}
