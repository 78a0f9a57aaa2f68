//! The order in which queued calls reach the writer: which of the waiting calls form the next
//! group.
//!
//! This module does no I/O. Appends and leases come first, because somebody waits for them at a
//! socket. All other calls take turns by tenant: the next call is always of the tenant that will
//! have used the least once the call is served (self-clocked fair queuing). A tenant with light
//! calls therefore never waits for a tenant with heavy calls, as long as it asks for less than its
//! share.
//!
//! A group is bounded by the number of its calls and by their total weight, so that no call waits
//! long for others. A call that weighs more than the bound is a group by itself. If a group had no
//! room for the next turn, half of the following group is for turns, so that no call starves.

use std::collections::{BTreeSet, HashMap, VecDeque};

use hookyard_model::TenantName;

/// The priority of a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Priority {
    /// The call comes before all turns. Appends and leases have this priority.
    First,
    /// The call takes turns by tenant. The host's own calls have no tenant and count as one.
    Turn(Option<TenantName>),
}

/// The bounds of a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The maximum number of calls.
    pub(crate) calls: usize,
    /// The maximum total weight, in rows written (see `weight`).
    pub(crate) weight: u64,
}

/// The calls that wait for the writer.
pub(crate) struct Queue<T> {
    bounds: Bounds,
    first: VecDeque<Waiting<T>>,
    turns: HashMap<Option<TenantName>, VecDeque<Waiting<T>>>,
    /// The tenants that have calls in `turns`, by the weight that they will have used once their
    /// next call is served.
    order: BTreeSet<(u64, Option<TenantName>)>,
    /// The weight that each tenant has used. Has the tenants that have calls, and those that used
    /// more than `now`.
    used: HashMap<Option<TenantName>, u64>,
    /// The weight that the tenant of the last turn had used before that turn. No tenant counts as
    /// having used less, so that an idle tenant does not save up turns.
    now: u64,
    /// Whether the last group had no room for the next turn.
    is_turn_owed: bool,
}

struct Waiting<T> {
    weight: u64,
    call: T,
}

impl<T> Queue<T> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            first: VecDeque::new(),
            turns: HashMap::new(),
            order: BTreeSet::new(),
            used: HashMap::new(),
            now: 0,
            is_turn_owed: false,
        }
    }

    pub(crate) fn push(&mut self, priority: Priority, weight: u64, call: T) {
        let waiting = Waiting { weight, call };
        match priority {
            Priority::First => self.first.push_back(waiting),
            Priority::Turn(owner) => {
                let calls = self.turns.entry(owner.clone()).or_default();
                if calls.is_empty() {
                    let used = self.used.entry(owner.clone()).or_default();
                    *used = self.now.max(*used);
                    self.order.insert((*used + weight, owner));
                }
                calls.push_back(waiting);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.order.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.first.clear();
        self.turns.clear();
        self.order.clear();
        self.used.clear();
    }

    /// Moves the calls of the next group into `group`, which must be empty. Moves at least one call
    /// unless none waits.
    pub(crate) fn next_group(&mut self, group: &mut Vec<T>) {
        let mut room = Room {
            left: self.bounds,
            is_empty: true,
        };

        let is_owed = self.is_turn_owed;
        while is_owed && room.is_half_left(self.bounds) && self.take_turn(&mut room, group) {}
        self.take_first(&mut room, group);
        while self.take_turn(&mut room, group) {}

        self.is_turn_owed = !is_owed && !self.order.is_empty();
    }

    /// Takes calls of the highest priority while there is room.
    fn take_first(&mut self, room: &mut Room, group: &mut Vec<T>) {
        while let Some(next) = self.first.pop_front_if(|next| room.admit(next.weight)) {
            group.push(next.call);
        }
    }

    /// Takes the next call of the tenant that has used the least. Returns whether there was a call
    /// and room for it.
    fn take_turn(&mut self, room: &mut Room, group: &mut Vec<T>) -> bool {
        let Some((_, owner)) = self.order.first().cloned() else {
            return false;
        };
        let Some(calls) = self.turns.get_mut(&owner) else {
            return false;
        };
        let Some(next) = calls.pop_front_if(|next| room.admit(next.weight)) else {
            return false;
        };
        group.push(next.call);

        let following = calls.front().map(|next| next.weight);
        self.order.pop_first();
        let used = self.used.entry(owner.clone()).or_default();
        self.now = self.now.max(*used);
        *used += next.weight;

        if let Some(weight) = following {
            self.order.insert((*used + weight, owner));
        } else {
            self.turns.remove(&owner);
            let (now, turns) = (self.now, &self.turns);
            self.used
                .retain(|owner, used| *used > now || turns.contains_key(owner));
        }
        true
    }
}

/// The room that is left in a group.
struct Room {
    left: Bounds,
    /// Whether the group has no call yet.
    is_empty: bool,
}

impl Room {
    /// Returns whether at least half of the whole group is left.
    fn is_half_left(&self, whole: Bounds) -> bool {
        self.is_empty || (self.left.calls > whole.calls / 2 && self.left.weight > whole.weight / 2)
    }

    /// Returns whether there is room for a call, and takes the room. An empty group has room for
    /// any call.
    fn admit(&mut self, weight: u64) -> bool {
        let fits = self.left.calls > 0 && weight <= self.left.weight;
        if !fits && !self.is_empty {
            return false;
        }
        self.is_empty = false;
        self.left.calls = self.left.calls.saturating_sub(1);
        self.left.weight = self.left.weight.saturating_sub(weight);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue<String> {
        Queue::new(Bounds {
            calls: 4,
            weight: 100,
        })
    }

    fn of(tenant: &str) -> Priority {
        Priority::Turn(Some(tenant.parse().expect("a name")))
    }

    fn next(queue: &mut Queue<String>) -> String {
        let mut group = Vec::new();
        queue.next_group(&mut group);
        group.join(" ")
    }

    fn fill(queue: &mut Queue<String>, priority: &Priority, weight: u64, names: &[&str]) {
        for name in names {
            queue.push(priority.clone(), weight, (*name).to_owned());
        }
    }

    #[test]
    fn appends_come_before_settlements() {
        let mut queue = queue();
        fill(&mut queue, &of("acme"), 10, &["s1", "s2"]);
        fill(&mut queue, &Priority::First, 1, &["a1", "a2"]);
        assert_eq!(next(&mut queue), "a1 a2 s1 s2");
        assert!(queue.is_empty());
        assert_eq!(next(&mut queue), "");
    }

    #[test]
    fn heavy_call_is_group_by_itself() {
        let mut queue = queue();
        fill(&mut queue, &of("acme"), 1000, &["heavy1", "heavy2"]);
        fill(&mut queue, &Priority::First, 1, &["a1"]);
        assert_eq!(next(&mut queue), "a1");
        fill(&mut queue, &Priority::First, 1, &["a2"]);
        assert_eq!(next(&mut queue), "heavy1");
        assert_eq!(next(&mut queue), "a2");
        assert_eq!(next(&mut queue), "heavy2");
    }

    #[test]
    fn appends_do_not_starve_settlements() {
        let mut queue = queue();
        fill(&mut queue, &of("acme"), 1, &["s1", "s2"]);
        let mut groups = Vec::new();
        for _ in 0..4 {
            fill(&mut queue, &Priority::First, 25, &["a", "a", "a", "a", "a"]);
            groups.push(next(&mut queue));
        }
        assert_eq!(groups, ["a a a a", "s1 s2 a a", "a a a a", "a a a a"]);
    }

    #[test]
    fn tenants_take_turns_by_cost() {
        let mut queue = queue();
        fill(&mut queue, &of("noisy"), 90, &["n1", "n2", "n3"]);
        fill(&mut queue, &of("quiet"), 5, &["q1", "q2"]);
        fill(&mut queue, &Priority::Turn(None), 5, &["h1"]);
        assert_eq!(next(&mut queue), "h1 q1 q2");

        for heavy in ["n1", "n2", "n3"] {
            assert_eq!(next(&mut queue), heavy);
        }

        assert!(queue.is_empty());
    }

    #[test]
    fn light_tenant_waits_for_one_heavy_call() {
        let mut queue = queue();
        for number in 0..10 {
            fill(
                &mut queue,
                &of(&format!("noisy{number}")),
                1000,
                &["n", "n", "n"],
            );
        }

        assert_eq!(next(&mut queue), "n");

        let mut groups = Vec::new();
        for _ in 0..4 {
            fill(&mut queue, &of("quiet"), 5, &["q"]);
            groups.extend([next(&mut queue), next(&mut queue)]);
        }

        assert_eq!(
            groups.iter().filter(|group| group.contains('q')).count(),
            4,
            "{groups:?}"
        );

        let heavy = groups.iter().filter(|group| group.contains('n')).count();
        assert_eq!(heavy, 4, "heavy calls continue: {groups:?}");
    }

    #[test]
    fn idle_tenant_saves_up_no_turns() {
        let mut queue = queue();
        fill(&mut queue, &of("noisy"), 90, &["n1"]);
        assert_eq!(next(&mut queue), "n1");
        // The queue of the noisy tenant was empty for a moment.
        fill(&mut queue, &of("noisy"), 90, &["n2"]);
        fill(&mut queue, &of("quiet"), 20, &["q1", "q2"]);
        assert_eq!(next(&mut queue), "q1 q2");
        assert_eq!(next(&mut queue), "n2");
    }

    #[test]
    fn group_is_bounded_by_calls() {
        let mut queue = queue();
        fill(&mut queue, &Priority::First, 0, &["a1", "a2", "a3"]);
        fill(&mut queue, &of("acme"), 0, &["s1", "s2"]);
        assert_eq!(next(&mut queue), "a1 a2 a3 s1");
        assert_eq!(next(&mut queue), "s2");
    }
}
