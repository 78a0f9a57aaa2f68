//! Whose turn it is among the attempts of one plugin.
//!
//! Attempts run beside each other, and one that went by a key which another has changed meanwhile runs again. One that
//! keeps losing gets a turn alone: it waits for those that are under way, and later ones wait for it, so that it can't
//! lose again. Nothing of this is needed for effects to be right; it is what makes each attempt come to its end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hookyard_model::PluginRef;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// The turns of every plugin that has attempts under way.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<PluginRef, Arc<RwLock<()>>>>);

/// To be held from the beginning of a run to the end of its settlement.
#[derive(Debug)]
#[expect(dead_code, reason = "held for its end")]
pub(crate) enum Turn {
    /// Others run as well.
    Shared(OwnedRwLockReadGuard<()>),
    /// No other attempt of the plugin runs.
    Alone(OwnedRwLockWriteGuard<()>),
}

impl Turns {
    /// Waits for a turn.
    pub(crate) async fn take(&self, plugin: &PluginRef, is_alone: bool) -> Turn {
        let turns = self.of(plugin);
        match is_alone {
            false => Turn::Shared(turns.read_owned().await),
            true => Turn::Alone(turns.write_owned().await),
        }
    }

    fn of(&self, plugin: &PluginRef) -> Arc<RwLock<()>> {
        let mut plugins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = plugins.get(plugin) {
            return Arc::clone(turns);
        }
        // A guard keeps its lock alive: what nobody else has, nobody is in.
        plugins.retain(|_, turns| Arc::strong_count(turns) > 1);
        Arc::clone(plugins.entry(plugin.clone()).or_default())
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

    fn is_free<T>(wait: impl Future<Output = T>) -> Option<T> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(wait).poll(&mut context) {
            std::task::Poll::Ready(turn) => Some(turn),
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn a_turn_alone_excludes_the_same_plugin_and_no_other() {
        let (turns, ship, audit) = (Turns::default(), plugin("ship"), plugin("audit"));
        let first = is_free(turns.take(&ship, false)).expect("nobody is there");
        let second = is_free(turns.take(&ship, false)).expect("they share");
        assert!(is_free(turns.take(&ship, true)).is_none());
        drop((first, second));
        let alone = is_free(turns.take(&ship, true)).expect("they are gone");
        assert!(is_free(turns.take(&ship, false)).is_none());
        assert!(is_free(turns.take(&audit, true)).is_some());
        drop(alone);
        assert!(is_free(turns.take(&ship, false)).is_some());
    }

    #[test]
    fn what_is_not_in_use_is_forgotten() {
        let turns = Turns::default();
        let held = is_free(turns.take(&plugin("ship"), false));
        for number in 0..10 {
            assert!(is_free(turns.take(&plugin(&format!("p{number}")), false)).is_some());
        }
        assert_eq!(
            turns.0.lock().expect("a lock").len(),
            2,
            "the one in use and the last one"
        );
        drop(held);
    }
}
