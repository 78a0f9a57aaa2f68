//! The slots of a dispatcher: how many attempts may run at once, and whose turn is next.
//!
//! The rule is that of [`hookyard_model::share`]: a slot goes to the tenant that uses the fewest
//! slots, and within the tenant to the plugin that uses the fewest; among equals, the one whose
//! last turn is the longest ago is first. `share` divides many slots in one call, at a cost that
//! grows with all plugins. Here the ranks are kept up to date instead, because slots become free one
//! by one, thousands of times per second: a slot costs the logarithm of the number of waiting
//! plugins, and a plugin that does not wait costs nothing.

use std::collections::{BTreeSet, HashMap};

use hookyard_model::TenantName;

/// A plugin, by its number in the dispatcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PluginId(pub(crate) usize);

/// The slots, and which plugins use them or wait for them.
#[derive(Debug)]
pub(crate) struct Slots {
    free: usize,
    tenant_max: usize,
    /// The number of turns so far.
    turns: u64,
    /// The tenants that can be given a slot.
    queue: BTreeSet<Rank>,
    tenants: Vec<Tenant>,
    tenant_numbers: HashMap<TenantName, usize>,
    plugins: Vec<Plugin>,
}

/// A position in a queue: the slots in use, then the last turn, then the number.
type Rank = (usize, u64, usize);

#[derive(Debug, Default)]
struct Tenant {
    running: usize,
    turn: u64,
    /// The plugins of the tenant that wait for a slot.
    waiting: BTreeSet<Rank>,
}

#[derive(Debug)]
struct Plugin {
    tenant: usize,
    running: usize,
    turn: u64,
    is_waiting: bool,
}

impl Slots {
    /// Returns `concurrency_max` free slots, which is at least 1. A tenant may use all of them.
    pub(crate) fn new(concurrency_max: usize) -> Self {
        Self {
            free: concurrency_max.max(1),
            tenant_max: usize::MAX,
            turns: 0,
            queue: BTreeSet::new(),
            tenants: Vec::new(),
            tenant_numbers: HashMap::new(),
            plugins: Vec::new(),
        }
    }

    /// Adds a plugin of a tenant. The numbers of plugins count from zero.
    pub(crate) fn add(&mut self, tenant: &TenantName) -> PluginId {
        let number = self.tenants.len();
        let tenant = *self.tenant_numbers.entry(tenant.clone()).or_insert(number);
        if tenant == number {
            self.tenants.push(Tenant::default());
        }

        self.plugins.push(Plugin {
            tenant,
            running: 0,
            turn: 0,
            is_waiting: false,
        });
        PluginId(self.plugins.len() - 1)
    }

    /// Sets the maximum number of slots of one tenant.
    pub(crate) fn set_tenant_max(&mut self, tenant_max: usize) {
        self.tenant_max = tenant_max;
        self.queue.clear();

        for (number, tenant) in self.tenants.iter().enumerate() {
            if tenant.can_take(tenant_max) {
                self.queue.insert(tenant.rank(number));
            }
        }
    }

    /// Says whether a plugin waits for a slot.
    pub(crate) fn set_waiting(&mut self, id: PluginId, is_waiting: bool) {
        if self.plugins[id.0].is_waiting != is_waiting {
            self.change(id, |_, plugin| plugin.is_waiting = is_waiting);
        }
    }

    /// Returns the plugin that gets the next slot, or `None` if no slot is free or no plugin waits.
    pub(crate) fn next(&self) -> Option<PluginId> {
        if self.free == 0 {
            return None;
        }

        let (.., tenant) = self.queue.first()?;
        let (.., plugin) = self.tenants[*tenant].waiting.first()?;
        Some(PluginId(*plugin))
    }

    /// Returns the number of slots that a plugin uses.
    pub(crate) fn running(&self, id: PluginId) -> usize {
        self.plugins[id.0].running
    }

    /// Takes a slot for a plugin.
    pub(crate) fn take(&mut self, id: PluginId) {
        self.free = self.free.saturating_sub(1);
        self.turns += 1;
        let turn = self.turns;

        self.change(id, |tenant, plugin| {
            tenant.running += 1;
            tenant.turn = turn;
            plugin.running += 1;
            plugin.turn = turn;
        });
    }

    /// Frees a slot of a plugin.
    pub(crate) fn put_back(&mut self, id: PluginId) {
        self.free += 1;
        self.change(id, |tenant, plugin| {
            tenant.running -= 1;
            plugin.running -= 1;
        });
    }

    /// Changes a plugin, and moves it and its tenant to their new ranks.
    fn change(&mut self, id: PluginId, change: impl FnOnce(&mut Tenant, &mut Plugin)) {
        let plugin = &mut self.plugins[id.0];
        let number = plugin.tenant;
        let tenant = &mut self.tenants[number];
        self.queue.remove(&tenant.rank(number));
        tenant.waiting.remove(&plugin.rank(id));

        change(tenant, plugin);

        if plugin.is_waiting {
            tenant.waiting.insert(plugin.rank(id));
        }
        if tenant.can_take(self.tenant_max) {
            self.queue.insert(tenant.rank(number));
        }
    }
}

impl Tenant {
    fn rank(&self, number: usize) -> Rank {
        (self.running, self.turn, number)
    }

    fn can_take(&self, tenant_max: usize) -> bool {
        !self.waiting.is_empty() && self.running < tenant_max
    }
}

impl Plugin {
    fn rank(&self, id: PluginId) -> Rank {
        (self.running, self.turn, id.0)
    }
}

#[cfg(test)]
mod tests {
    use hookyard_model::PluginRef;
    use hookyard_model::share::{Demand, FreeSlots, TurnOrder, share};
    use proptest::prelude::*;

    use super::*;

    const PLUGINS: [(&str, &str); 5] = [
        ("acme", "a"),
        ("acme", "b"),
        ("acme", "c"),
        ("blue", "a"),
        ("coop", "a"),
    ];

    fn plugin(index: usize) -> PluginRef {
        let (tenant, name) = PLUGINS[index];
        PluginRef {
            tenant: tenant.parse().expect("a name"),
            name: name.parse().expect("a name"),
        }
    }

    fn slots(concurrency_max: usize, tenant_max: usize) -> Slots {
        let mut slots = Slots::new(concurrency_max);
        for index in 0..PLUGINS.len() {
            slots.add(&plugin(index).tenant);
        }
        slots.set_tenant_max(tenant_max);
        slots
    }

    /// Gives each plugin up to as many slots as it wants, and returns how many each has got.
    fn give(slots: &mut Slots, wanted: &[usize]) -> Vec<usize> {
        let mut given = vec![0; wanted.len()];
        for (index, wanted) in wanted.iter().enumerate() {
            slots.set_waiting(PluginId(index), *wanted > 0);
        }
        while let Some(id) = slots.next() {
            slots.take(id);
            given[id.0] += 1;
            slots.set_waiting(id, given[id.0] < wanted[id.0]);
        }
        given
    }

    #[test]
    fn idle_plugins_get_no_slot() {
        let mut slots = slots(4, 9);
        assert_eq!(slots.next(), None);

        slots.set_waiting(PluginId(3), true);
        assert_eq!(slots.next(), Some(PluginId(3)));

        slots.set_waiting(PluginId(3), false);
        assert_eq!(slots.next(), None);
    }

    #[test]
    fn tenant_keeps_to_its_maximum() {
        let mut slots = slots(9, 2);

        assert_eq!(give(&mut slots, &[9, 0, 0, 1, 0]), [2, 0, 0, 1, 0]);

        slots.put_back(PluginId(0));
        assert_eq!(give(&mut slots, &[0, 9, 0, 0, 0]), [0, 1, 0, 0, 0]);

        slots.set_tenant_max(usize::MAX);
        assert_eq!(give(&mut slots, &[9, 0, 0, 0, 0]), [6, 0, 0, 0, 0]);
    }

    proptest! {
        /// Several rounds, so that turns matter. After each round, some slots become free.
        #[test]
        fn slots_follow_the_rule_of_shares(
            rounds in proptest::collection::vec(
                (proptest::collection::vec(0..6usize, 5), proptest::collection::vec(0..4usize, 5)),
                1..6,
            ),
            tenant_max in 1..9usize,
        ) {
            let mut slots = slots(8, tenant_max);
            let mut turns = TurnOrder::default();
            let mut running = vec![0; PLUGINS.len()];

            for (wanted, ended) in rounds {
                let mut by_tenant = HashMap::new();
                for (index, running) in running.iter().enumerate() {
                    *by_tenant.entry(plugin(index).tenant).or_default() += running;
                }
                let free = FreeSlots {
                    slots: 8 - running.iter().sum::<usize>(),
                    tenant_max,
                    running: &by_tenant,
                };
                let demand: Vec<_> = (0..PLUGINS.len())
                    .map(|index| Demand {
                        member: plugin(index),
                        slots: wanted[index],
                        running: running[index],
                    })
                    .collect();
                let expected: HashMap<_, _> = share(&free, &demand, &mut turns).into_iter().collect();

                let given = give(&mut slots, &wanted);

                for (index, given) in given.iter().enumerate() {
                    prop_assert_eq!(*given, expected.get(&plugin(index)).copied().unwrap_or(0));
                    running[index] += given;
                    for _ in 0..ended[index].min(running[index]) {
                        slots.put_back(PluginId(index));
                        running[index] -= 1;
                    }
                    prop_assert_eq!(slots.running(PluginId(index)), running[index]);
                }
            }
        }
    }
}
