//! The fair share: how free slots are divided among tenants and their members.
//!
//! A member is a plugin where slots are for attempts, and a destination where slots are for
//! deliveries. Each slot goes to the tenant that uses the fewest slots, and within the tenant to
//! the member that uses the fewest. Among equals, the one whose last turn is the longest ago is
//! first. So the share of a tenant does not grow with the number of its members or events, and
//! slots that one tenant cannot use go to the others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::hash::Hash;

use crate::{DestinationRef, PluginRef, TenantName};

/// A plugin or destination that can be given slots.
pub trait Member: Clone + Eq + Hash {
    /// Returns the tenant that the member belongs to.
    fn tenant(&self) -> &TenantName;
}

impl Member for PluginRef {
    fn tenant(&self) -> &TenantName {
        &self.tenant
    }
}

impl Member for DestinationRef {
    fn tenant(&self) -> &TenantName {
        &self.tenant
    }
}

/// A member that can use more slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand<M> {
    /// The plugin or destination.
    pub member: M,
    /// The number of slots that it can use in addition.
    pub slots: usize,
    /// The number of slots that it uses already.
    pub running: usize,
}

/// The slots to divide, and the bound on each tenant.
#[derive(Debug, Clone)]
pub struct FreeSlots<'a> {
    /// The number of free slots.
    pub slots: usize,
    /// The maximum number of slots of one tenant.
    pub tenant_max: usize,
    /// The number of slots that each tenant uses already, with all of its members.
    pub running: &'a HashMap<TenantName, usize>,
}

/// The order of the last turns of tenants and members.
#[derive(Debug)]
pub struct TurnOrder<M> {
    count: u64,
    tenants: HashMap<TenantName, u64>,
    members: HashMap<M, u64>,
}

impl<M> Default for TurnOrder<M> {
    fn default() -> Self {
        Self {
            count: 0,
            tenants: HashMap::new(),
            members: HashMap::new(),
        }
    }
}

/// A position in a queue: the slots in use, then the last turn, then the index.
type Rank = (usize, u64, usize);

/// A tenant in the queue for slots.
struct Tenant {
    name: TenantName,
    running: usize,
    members: BinaryHeap<Reverse<Rank>>,
}

/// Divides the free slots and returns the number of slots of each member that is given any.
pub fn share<M: Member>(
    free: &FreeSlots<'_>,
    demand: &[Demand<M>],
    turns: &mut TurnOrder<M>,
) -> Vec<(M, usize)> {
    let mut tenants = turns.queues(free, demand);
    let mut queue: BinaryHeap<Reverse<Rank>> = BinaryHeap::new();
    for (index, tenant) in tenants.iter().enumerate() {
        let turn = turns.of_tenant(&tenant.name);
        queue.push(Reverse((tenant.running, turn, index)));
    }

    let mut given = vec![0; demand.len()];
    for _ in 0..free.slots {
        let Some(Reverse((.., tenant_index))) = queue.pop() else {
            break;
        };
        let tenant = &mut tenants[tenant_index];
        let Some(Reverse((.., index))) = tenant.members.pop() else {
            continue;
        };

        given[index] += 1;
        tenant.running += 1;
        turns.take(&demand[index].member);

        // The member and the tenant queue up again, behind those that use fewer slots.
        if given[index] < demand[index].slots {
            let running = demand[index].running + given[index];
            tenant.members.push(Reverse((running, turns.count, index)));
        }
        if tenant.running < free.tenant_max && !tenant.members.is_empty() {
            queue.push(Reverse((tenant.running, turns.count, tenant_index)));
        }
    }

    demand
        .iter()
        .zip(given)
        .filter(|(_, slots)| *slots > 0)
        .map(|(demand, slots)| (demand.member.clone(), slots))
        .collect()
}

/// Returns the demand that is left after `given` slots were offered and `taken` slots were used.
///
/// A member that used fewer slots than it was given has no more work, so it is left out.
pub fn remaining_demand<M: Member>(
    demand: Vec<Demand<M>>,
    given: &[(M, usize)],
    taken: &HashMap<M, usize>,
) -> Vec<Demand<M>> {
    let given: HashMap<&M, usize> = given
        .iter()
        .map(|(member, slots)| (member, *slots))
        .collect();

    let mut remaining = Vec::new();
    for Demand {
        member,
        slots,
        running,
    } in demand
    {
        let taken = taken.get(&member).copied().unwrap_or(0);
        let given = given.get(&member).copied().unwrap_or(0);
        if taken >= given && slots > taken {
            remaining.push(Demand {
                member,
                slots: slots - taken,
                running: running + taken,
            });
        }
    }
    remaining
}

impl<M: Member> TurnOrder<M> {
    /// Forgets the members for which `exists` returns false, and tenants without members.
    pub fn retain(&mut self, exists: impl Fn(&M) -> bool) {
        self.members.retain(|member, _| exists(member));
        let tenants: HashSet<&TenantName> = self.members.keys().map(Member::tenant).collect();
        self.tenants.retain(|tenant, _| tenants.contains(tenant));
    }

    /// Returns the tenants that may use more slots, by name, each with the queue of its members.
    fn queues(&self, free: &FreeSlots<'_>, demand: &[Demand<M>]) -> Vec<Tenant> {
        let mut by_name = BTreeMap::<&TenantName, BinaryHeap<Reverse<Rank>>>::new();
        for (index, demand) in demand.iter().enumerate() {
            if demand.slots > 0 {
                let turn = self.members.get(&demand.member).copied().unwrap_or(0);
                by_name
                    .entry(demand.member.tenant())
                    .or_default()
                    .push(Reverse((demand.running, turn, index)));
            }
        }

        by_name
            .into_iter()
            .map(|(name, members)| Tenant {
                name: name.clone(),
                running: free.running.get(name).copied().unwrap_or(0),
                members,
            })
            .filter(|tenant| tenant.running < free.tenant_max)
            .collect()
    }

    fn of_tenant(&self, tenant: &TenantName) -> u64 {
        self.tenants.get(tenant).copied().unwrap_or(0)
    }

    fn take(&mut self, member: &M) {
        self.count += 1;
        self.tenants.insert(member.tenant().clone(), self.count);
        self.members.insert(member.clone(), self.count);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Parses `tenant/plugin`.
    fn plugin(name: &str) -> PluginRef {
        let (tenant, plugin) = name.split_once('/').expect("a tenant");
        PluginRef {
            tenant: tenant.parse().expect("a name"),
            name: plugin.parse().expect("a name"),
        }
    }

    fn demands(places: &[(&str, usize, usize)]) -> Vec<Demand<PluginRef>> {
        let open = |(name, places, running): &(&str, usize, usize)| Demand {
            member: plugin(name),
            slots: *places,
            running: *running,
        };
        places.iter().map(open).collect()
    }

    /// Returns the number of slots that each tenant uses.
    fn running(open: &[Demand<PluginRef>]) -> HashMap<TenantName, usize> {
        let mut running = HashMap::new();
        for open in open {
            *running.entry(open.member.tenant.clone()).or_default() += open.running;
        }
        running
    }

    fn deal(
        free: usize,
        tenant_max: usize,
        open: &[Demand<PluginRef>],
        turns: &mut TurnOrder<PluginRef>,
    ) -> Vec<(String, usize)> {
        let given = share(
            &FreeSlots {
                slots: free,
                tenant_max,
                running: &running(open),
            },
            open,
            turns,
        );

        given
            .iter()
            .map(|(plugin, places)| (plugin.to_string(), *places))
            .collect()
    }

    fn check(free: usize, places: &[(&str, usize, usize)], expected: &[(&str, usize)]) {
        let given = deal(
            free,
            usize::MAX,
            &demands(places),
            &mut TurnOrder::default(),
        );
        let given: Vec<_> = given
            .iter()
            .map(|(name, limit)| (name.as_str(), *limit))
            .collect();

        assert_eq!(given, expected, "{free} slots for {places:?}");
    }

    #[test]
    fn plugins_of_a_tenant_share_evenly() {
        check(0, &[("a/a", 3, 0)], &[]);
        check(9, &[], &[]);
        check(
            9,
            &[("a/a", 3, 0), ("a/b", 2, 0)],
            &[("a/a", 3), ("a/b", 2)],
        );
        check(
            4,
            &[("a/a", 3, 0), ("a/b", 9, 0)],
            &[("a/a", 2), ("a/b", 2)],
        );
        check(
            5,
            &[("a/a", 1, 0), ("a/b", 9, 0), ("a/c", 9, 0)],
            &[("a/a", 1), ("a/b", 2), ("a/c", 2)],
        );
        check(
            2,
            &[("a/a", 9, 0), ("a/b", 9, 0), ("a/c", 9, 0)],
            &[("a/a", 1), ("a/b", 1)],
        );
        check(3, &[("a/a", 0, 0), ("a/b", 9, 0)], &[("a/b", 3)]);
        check(
            3,
            &[("a/a", 9, 2), ("a/b", 9, 0)],
            &[("a/a", 1), ("a/b", 2)],
        );
    }

    #[test]
    fn more_plugins_get_no_larger_share() {
        check(
            6,
            &[("a/a", 9, 0), ("a/b", 9, 0), ("a/c", 9, 0), ("b/a", 9, 0)],
            &[("a/a", 1), ("a/b", 1), ("a/c", 1), ("b/a", 3)],
        );
        check(4, &[("a/a", 9, 5), ("b/a", 9, 0)], &[("b/a", 4)]);
        check(
            4,
            &[("a/a", 9, 5), ("b/a", 1, 0)],
            &[("a/a", 3), ("b/a", 1)],
        );
    }

    #[test]
    fn tenant_stays_within_its_maximum() {
        let open = demands(&[("a/a", 9, 1), ("a/b", 9, 0), ("b/a", 1, 0)]);
        let given = deal(9, 3, &open, &mut TurnOrder::default());

        assert_eq!(
            given,
            [
                ("a/a".to_owned(), 1),
                ("a/b".to_owned(), 1),
                ("b/a".to_owned(), 1)
            ]
        );
        assert_eq!(
            deal(9, 1, &open, &mut TurnOrder::default()),
            [("b/a".to_owned(), 1)]
        );
    }

    #[test]
    fn tenants_and_their_plugins_take_turns() {
        let open = demands(&[
            ("a/a", 1, 0),
            ("a/b", 1, 0),
            ("a/c", 1, 0),
            ("b/a", 1, 0),
            ("c/a", 1, 0),
        ]);
        let mut turns = TurnOrder::default();
        let winners: Vec<_> = (0..9)
            .map(|_| deal(1, 9, &open, &mut turns).remove(0).0)
            .collect();

        assert_eq!(
            winners,
            [
                "a/a", "b/a", "c/a", "a/b", "b/a", "c/a", "a/c", "b/a", "c/a"
            ]
        );
        turns.retain(|plugin| plugin.tenant.as_str() == "b");
        assert_eq!(
            (turns.tenants.len(), turns.members.len()),
            (1, 1),
            "members that are gone are forgotten"
        );
    }

    fn any_demand() -> impl Strategy<Value = Vec<Demand<PluginRef>>> {
        let one = |at: usize| {
            (0..4usize, 0..6usize, 0..6usize).prop_map(move |(tenant, slots, running)| Demand {
                member: plugin(&format!("t{tenant}/p{at}")),
                slots,
                running,
            })
        };
        (0..9usize).prop_flat_map(move |count| (0..count).map(one).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn shares_are_bounded_complete_and_even(
            open in any_demand(),
            free in 0..30usize,
            tenant_max in 1..12usize,
        ) {
            let running = running(&open);
            let slots = FreeSlots { slots: free, tenant_max, running: &running };
            let given = share(&slots, &open, &mut TurnOrder::default());
            let given: HashMap<_, _> = given.into_iter().collect();
            let mut loads = running.clone();

            for (plugin, limit) in &given {
                *loads.entry(plugin.tenant.clone()).or_default() += limit;
            }
            let given_to = |open: &Demand<PluginRef>| given.get(&open.member).copied().unwrap_or(0);
            let had_some =
                |tenant: &TenantName| given.keys().any(|plugin| plugin.tenant == *tenant);
            let wants_more = |tenant: &TenantName| {
                loads[tenant] < tenant_max
                    && open.iter().any(|open| {
                        open.member.tenant == *tenant && given_to(open) < open.slots
                    })
            };
            let total: usize = given.values().sum();
            prop_assert!(total <= free);
            for one in &open {
                prop_assert!(given_to(one) <= one.slots);
                let tenant = &one.member.tenant;
                prop_assert!(!had_some(tenant) || loads[tenant] <= tenant_max);
                prop_assert!(total == free || !wants_more(tenant), "{tenant} could use a slot");
                for other in open.iter().filter(|_| wants_more(tenant)) {
                    let other = &other.member.tenant;
                    prop_assert!(
                        !had_some(other) || loads[other] <= loads[tenant] + 1,
                        "{other} was preferred to {tenant}"
                    );
                }
            }
        }
    }
}
