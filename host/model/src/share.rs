//! Who may have how many of the free places: tenants first, then what each tenant has that could use one: its plugins
//! where attempts are made, its destinations where messages are sent.
//!
//! A place goes to the tenant that has the fewest, those under way included, and there to the member that has the
//! fewest; where several have as few, to the one that has waited the longest for its turn. So a tenant's share doesn't
//! grow with the number of its members or of its events, and what one can't use the others have.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::hash::Hash;

use crate::{DestinationRef, PluginRef, TenantName};

/// What places are dealt out to.
pub trait Member: Clone + Eq + Hash {
    /// Whose it is.
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

/// A member that could use places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open<M> {
    /// Which.
    pub member: M,
    /// How many more it may have.
    pub places: usize,
    /// How many it has.
    pub running: usize,
}

/// What there is to share out.
#[derive(Debug, Clone)]
pub struct Free<'a> {
    /// Places.
    pub places: usize,
    /// How many places one tenant may have in all.
    pub tenant_max: usize,
    /// How many it has already, by all of its members.
    pub running: &'a HashMap<TenantName, usize>,
}

/// When each tenant and each member last had its turn.
#[derive(Debug)]
pub struct Served<M> {
    count: u64,
    tenants: HashMap<TenantName, u64>,
    members: HashMap<M, u64>,
}

impl<M> Default for Served<M> {
    fn default() -> Self {
        Self {
            count: 0,
            tenants: HashMap::new(),
            members: HashMap::new(),
        }
    }
}

/// A place in a queue: by what it has, then by when it last had a turn, then by name.
type Rank = (usize, u64, usize);

/// One tenant in the queue for places.
struct Tenant {
    name: TenantName,
    running: usize,
    members: BinaryHeap<Reverse<Rank>>,
}

/// Deals the places out one by one, and says who gets how many. Who gets none isn't in the answer.
pub fn share<M: Member>(
    free: &Free<'_>,
    open: &[Open<M>],
    served: &mut Served<M>,
) -> Vec<(M, usize)> {
    let mut tenants = served.queues(free, open);
    let mut queue: BinaryHeap<Reverse<Rank>> = BinaryHeap::new();
    for (at, tenant) in tenants.iter().enumerate() {
        queue.push(Reverse((
            tenant.running,
            served.of_tenant(&tenant.name),
            at,
        )));
    }
    let mut given = vec![0; open.len()];
    for _ in 0..free.places {
        let Some(Reverse((.., tenant_at))) = queue.pop() else {
            break;
        };
        let tenant = &mut tenants[tenant_at];
        let Some(Reverse((.., at))) = tenant.members.pop() else {
            continue;
        };
        given[at] += 1;
        tenant.running += 1;
        served.take(&open[at].member);
        if given[at] < open[at].places {
            tenant
                .members
                .push(Reverse((open[at].running + given[at], served.count, at)));
        }
        if tenant.running < free.tenant_max && !tenant.members.is_empty() {
            queue.push(Reverse((tenant.running, served.count, tenant_at)));
        }
    }
    let given = open.iter().zip(given).filter(|(_, places)| *places > 0);
    given
        .map(|(open, places)| (open.member.clone(), places))
        .collect()
}

/// Those who may have a use for more places, where `given` were dealt out and `taken` of them were of use: they took all
/// that they had, or had none yet.
pub fn still_open<M: Member>(
    open: Vec<Open<M>>,
    given: &[(M, usize)],
    taken: &HashMap<M, usize>,
) -> Vec<Open<M>> {
    let given: HashMap<&M, usize> = given
        .iter()
        .map(|(member, places)| (member, *places))
        .collect();
    let left = open.into_iter().filter_map(
        |Open {
             member,
             places,
             running,
         }| {
            let taken = taken.get(&member).copied().unwrap_or(0);
            let given = given.get(&member).copied().unwrap_or(0);
            (taken >= given && places > taken).then(|| Open {
                places: places - taken,
                running: running + taken,
                member,
            })
        },
    );
    left.collect()
}

impl<M: Member> Served<M> {
    /// Forgets those that are no more.
    pub fn retain(&mut self, is_there: impl Fn(&M) -> bool) {
        self.members.retain(|member, _| is_there(member));
        let tenants: HashSet<&TenantName> = self.members.keys().map(Member::tenant).collect();
        self.tenants.retain(|tenant, _| tenants.contains(tenant));
    }

    /// The tenants that may have more, each with the queue of its members, by name.
    fn queues(&self, free: &Free<'_>, open: &[Open<M>]) -> Vec<Tenant> {
        let mut by_name = BTreeMap::<&TenantName, BinaryHeap<Reverse<Rank>>>::new();
        for (at, open) in open.iter().enumerate().filter(|(_, open)| open.places > 0) {
            let turn = self.members.get(&open.member).copied().unwrap_or(0);
            by_name
                .entry(open.member.tenant())
                .or_default()
                .push(Reverse((open.running, turn, at)));
        }
        let tenants = by_name.into_iter().map(|(name, members)| Tenant {
            name: name.clone(),
            running: free.running.get(name).copied().unwrap_or(0),
            members,
        });
        tenants
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

    /// `tenant/plugin`.
    fn plugin(name: &str) -> PluginRef {
        let (tenant, plugin) = name.split_once('/').expect("a tenant");
        PluginRef {
            tenant: tenant.parse().expect("a name"),
            name: plugin.parse().expect("a name"),
        }
    }

    fn opens(places: &[(&str, usize, usize)]) -> Vec<Open<PluginRef>> {
        let open = |(name, places, running): &(&str, usize, usize)| Open {
            member: plugin(name),
            places: *places,
            running: *running,
        };
        places.iter().map(open).collect()
    }

    /// What every tenant has under way by the plugins that are open.
    fn running(open: &[Open<PluginRef>]) -> HashMap<TenantName, usize> {
        let mut running = HashMap::new();
        for open in open {
            *running.entry(open.member.tenant.clone()).or_default() += open.running;
        }
        running
    }

    fn deal(
        free: usize,
        tenant_max: usize,
        open: &[Open<PluginRef>],
        served: &mut Served<PluginRef>,
    ) -> Vec<(String, usize)> {
        let given = share(
            &Free {
                places: free,
                tenant_max,
                running: &running(open),
            },
            open,
            served,
        );
        given
            .iter()
            .map(|(plugin, places)| (plugin.to_string(), *places))
            .collect()
    }

    fn check(free: usize, places: &[(&str, usize, usize)], expected: &[(&str, usize)]) {
        let given = deal(free, usize::MAX, &opens(places), &mut Served::default());
        let given: Vec<_> = given
            .iter()
            .map(|(name, limit)| (name.as_str(), *limit))
            .collect();
        assert_eq!(given, expected, "{free} places for {places:?}");
    }

    #[test]
    fn a_tenants_plugins_have_even_shares() {
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
    fn many_plugins_are_no_larger_share() {
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
    fn a_tenant_has_no_more_than_it_may() {
        let open = opens(&[("a/a", 9, 1), ("a/b", 9, 0), ("b/a", 1, 0)]);
        let given = deal(9, 3, &open, &mut Served::default());
        assert_eq!(
            given,
            [
                ("a/a".to_owned(), 1),
                ("a/b".to_owned(), 1),
                ("b/a".to_owned(), 1)
            ]
        );
        assert_eq!(
            deal(9, 1, &open, &mut Served::default()),
            [("b/a".to_owned(), 1)]
        );
    }

    #[test]
    fn the_turn_goes_round_tenants_and_within_each_its_plugins() {
        let open = opens(&[
            ("a/a", 1, 0),
            ("a/b", 1, 0),
            ("a/c", 1, 0),
            ("b/a", 1, 0),
            ("c/a", 1, 0),
        ]);
        let mut turns = Served::default();
        let served: Vec<_> = (0..9)
            .map(|_| deal(1, 9, &open, &mut turns).remove(0).0)
            .collect();
        assert_eq!(
            served,
            [
                "a/a", "b/a", "c/a", "a/b", "b/a", "c/a", "a/c", "b/a", "c/a"
            ]
        );
        turns.retain(|plugin| plugin.tenant.as_str() == "b");
        assert_eq!(
            (turns.tenants.len(), turns.members.len()),
            (1, 1),
            "who is gone is forgotten"
        );
    }

    fn any_open() -> impl Strategy<Value = Vec<Open<PluginRef>>> {
        let one = |at: usize| {
            (0..4usize, 0..6usize, 0..6usize).prop_map(move |(tenant, places, running)| Open {
                member: plugin(&format!("t{tenant}/p{at}")),
                places,
                running,
            })
        };
        (0..9usize).prop_flat_map(move |count| (0..count).map(one).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn shares_are_within_bounds_whole_and_even(open in any_open(), free in 0..30usize, tenant_max in 1..12usize) {
            let running = running(&open);
            let given = share(&Free { places: free, tenant_max, running: &running }, &open, &mut Served::default());
            let given: HashMap<_, _> = given.into_iter().collect();
            let mut loads = running.clone();
            for (plugin, limit) in &given {
                *loads.entry(plugin.tenant.clone()).or_default() += limit;
            }
            let given_to = |open: &Open<PluginRef>| given.get(&open.member).copied().unwrap_or(0);
            let had_some = |tenant: &TenantName| given.keys().any(|plugin| plugin.tenant == *tenant);
            let wants_more = |tenant: &TenantName| {
                loads[tenant] < tenant_max
                    && open.iter().any(|open| open.member.tenant == *tenant && given_to(open) < open.places)
            };
            let total: usize = given.values().sum();
            prop_assert!(total <= free);
            for one in &open {
                prop_assert!(given_to(one) <= one.places);
                let tenant = &one.member.tenant;
                prop_assert!(!had_some(tenant) || loads[tenant] <= tenant_max);
                prop_assert!(total == free || !wants_more(tenant), "places are left, and somebody could use one");
                for other in open.iter().filter(|_| wants_more(tenant)) {
                    let other = &other.member.tenant;
                    prop_assert!(!had_some(other) || loads[other] <= loads[tenant] + 1, "{other} was preferred to {tenant}");
                }
            }
        }
    }
}
