//! The slots of a worker: how many tasks may run at once, and who gets the free ones.
//!
//! [`Slots`] counts the tasks of each member (a plugin or a destination). The rule that shares free
//! slots fairly is [`hookyard_model::share`]; this module feeds it with the counts.

use std::collections::{HashMap, HashSet};

use hookyard_model::TenantName;
use hookyard_model::share::{Demand, FreeSlots, Member, TurnOrder, remaining_demand, share};

/// The slots of a worker, and which members use them.
#[derive(Debug)]
pub struct Slots<M> {
    concurrency_max: usize,
    tenant_concurrency_max: usize,
    /// Whether more than one tenant has members. The limit for each tenant applies only then.
    has_several_tenants: bool,
    /// The number of running tasks of each member that has any.
    taken: HashMap<M, usize>,
    turns: TurnOrder<M>,
}

impl<M: Member> Slots<M> {
    /// Returns free slots: `concurrency_max` in all, and `tenant_concurrency_max` for each tenant
    /// where several tenants have members. Both are at least 1.
    pub fn new(concurrency_max: usize, tenant_concurrency_max: usize) -> Self {
        Self {
            concurrency_max: concurrency_max.max(1),
            tenant_concurrency_max: tenant_concurrency_max.max(1),
            has_several_tenants: false,
            taken: HashMap::new(),
            turns: TurnOrder::default(),
        }
    }

    /// Replaces the list of members that exist. Members that are gone lose their turn, but keep the
    /// slots that their running tasks have taken.
    pub fn set_members<'m>(&mut self, members: impl IntoIterator<Item = &'m M>)
    where
        M: 'm,
    {
        let members: HashSet<&M> = members.into_iter().collect();
        let tenants: HashSet<&TenantName> = members.iter().map(|member| member.tenant()).collect();

        self.has_several_tenants = tenants.len() > 1;
        self.turns.retain(|member| members.contains(member));
    }

    /// Returns the number of free slots.
    pub fn free(&self) -> usize {
        let taken: usize = self.taken.values().sum();
        self.concurrency_max.saturating_sub(taken)
    }

    /// Returns the number of slots that a member has taken.
    pub fn taken(&self, member: &M) -> usize {
        self.taken.get(member).copied().unwrap_or(0)
    }

    /// Shares the free slots among the members that can use them. Returns how many slots each
    /// member gets; a member that gets none is left out.
    pub fn share(&mut self, demand: &[Demand<M>]) -> Vec<(M, usize)> {
        let running = self.taken_by_tenant();
        let free = FreeSlots {
            slots: self.free(),
            tenant_max: self.tenant_max(),
            running: &running,
        };

        share(&free, demand, &mut self.turns)
    }

    /// Returns the demand that is left after a claim. A member that used less than its share has no
    /// more due work, and is left out. `claimed` names the member of each claimed item.
    pub fn remaining_demand<'m>(
        demand: Vec<Demand<M>>,
        shares: &[(M, usize)],
        claimed: impl IntoIterator<Item = &'m M>,
    ) -> Vec<Demand<M>>
    where
        M: 'm,
    {
        let mut counts = HashMap::new();
        for member in claimed {
            *counts.entry(member.clone()).or_default() += 1;
        }

        remaining_demand(demand, shares, &counts)
    }

    /// Returns the members that could get a slot now, so that the time of their next work matters.
    pub fn eligible(&self, demand: Vec<Demand<M>>) -> Vec<M> {
        // Without a free slot, the end of a task is the reason to look again.
        if self.free() == 0 {
            return Vec::new();
        }

        let running = self.taken_by_tenant();
        let tenant_max = self.tenant_max();
        demand
            .into_iter()
            .map(|demand| demand.member)
            .filter(|member| {
                running
                    .get(member.tenant())
                    .is_none_or(|taken| *taken < tenant_max)
            })
            .collect()
    }

    /// Takes a slot for a task that begins.
    pub fn take(&mut self, member: &M) {
        *self.taken.entry(member.clone()).or_default() += 1;
    }

    /// Frees the slot of a task that has ended.
    pub fn put_back(&mut self, member: &M) {
        let Some(taken) = self.taken.get_mut(member) else {
            return;
        };

        *taken -= 1;
        if *taken == 0 {
            self.taken.remove(member);
        }
    }

    fn taken_by_tenant(&self) -> HashMap<TenantName, usize> {
        let mut by_tenant = HashMap::new();
        for (member, taken) in &self.taken {
            *by_tenant.entry(member.tenant().clone()).or_default() += taken;
        }
        by_tenant
    }

    fn tenant_max(&self) -> usize {
        // A single tenant may use all slots: nobody else could.
        if self.has_several_tenants {
            self.tenant_concurrency_max
        } else {
            usize::MAX
        }
    }
}

#[cfg(test)]
mod tests {
    use hookyard_model::PluginRef;

    use super::*;

    fn plugin(tenant: &str, name: &str) -> PluginRef {
        PluginRef {
            tenant: tenant.parse().expect("a name"),
            name: name.parse().expect("a name"),
        }
    }

    fn demand(member: &PluginRef) -> Demand<PluginRef> {
        Demand {
            member: member.clone(),
            slots: 9,
            running: 0,
        }
    }

    #[test]
    fn tenant_limit_applies_among_several_tenants() {
        let (ship, audit) = (plugin("acme", "ship"), plugin("bolt", "audit"));
        let mut slots = Slots::new(4, 1);

        slots.set_members([&ship]);
        assert_eq!(slots.share(&[demand(&ship)]), [(ship.clone(), 4)]);

        slots.set_members([&ship, &audit]);
        assert_eq!(slots.share(&[demand(&ship)]), [(ship, 1)]);
    }

    #[test]
    fn ended_task_frees_its_slot() {
        let ship = plugin("acme", "ship");
        let mut slots = Slots::new(2, 2);

        slots.take(&ship);
        slots.take(&ship);
        assert_eq!((slots.free(), slots.taken(&ship)), (0, 2));

        slots.put_back(&ship);
        assert_eq!((slots.free(), slots.taken(&ship)), (1, 1));

        slots.put_back(&ship);
        assert!(slots.taken.is_empty());
    }

    #[test]
    fn tenant_at_its_limit_is_not_eligible() {
        let (ship, audit) = (plugin("acme", "ship"), plugin("bolt", "audit"));
        let mut slots = Slots::new(3, 1);
        slots.set_members([&ship, &audit]);
        slots.take(&ship);
        let both = || vec![demand(&ship), demand(&audit)];

        assert_eq!(slots.eligible(both()), std::slice::from_ref(&audit));

        slots.take(&audit);
        slots.take(&audit);
        assert!(slots.eligible(both()).is_empty(), "no slot is free");
    }

    #[test]
    fn demand_ends_below_the_share() {
        let (ship, audit) = (plugin("acme", "ship"), plugin("acme", "audit"));
        let shares = [(ship.clone(), 2), (audit.clone(), 2)];

        let left = Slots::remaining_demand(
            vec![demand(&ship), demand(&audit)],
            &shares,
            [&ship, &ship, &audit],
        );

        assert_eq!(left.len(), 1);
        assert_eq!((&left[0].member, left[0].running), (&ship, 2));
    }
}
