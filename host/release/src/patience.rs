//! How long the host waits before it compiles again what it couldn't by its own fault: longer each time.

use std::collections::BTreeMap;
use std::time::Duration;

use hookyard_model::{PluginRef, Revision};

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);

/// What each plugin waited last, and for which content.
#[derive(Debug, Default)]
pub(super) struct Patience(BTreeMap<PluginRef, (Option<Revision>, Duration)>);

impl Patience {
    /// How long this content of a plugin waits now. Other content begins anew.
    pub(super) fn next(&mut self, plugin: &PluginRef, content: Option<Revision>) -> Duration {
        let before = self
            .0
            .get(plugin)
            .filter(|(of, _)| *of == content)
            .map(|(_, pause)| *pause);
        let pause = before.map_or(FIRST, |before| (before * 2).min(LONGEST));
        self.0.insert(plugin.clone(), (content, pause));
        pause
    }

    /// What a plugin waits for next begins anew.
    pub(super) fn forget(&mut self, plugin: &PluginRef) {
        self.0.remove(plugin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_for_the_same_content_is_longer() {
        let plugin = PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "books".parse().expect("a name"),
        };
        let mut patience = Patience::default();
        let content = |number| Some(Revision::from_sha256([number; 32]));
        let pauses: Vec<_> = (0..8)
            .map(|_| patience.next(&plugin, content(1)).as_secs())
            .collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(patience.next(&plugin, content(2)), FIRST);
        assert_eq!(patience.next(&plugin, content(2)), FIRST * 2);
        patience.forget(&plugin);
        assert_eq!(patience.next(&plugin, content(2)), FIRST);
    }
}
