//! The order in which calls come to the writer: which of those that wait form the next group.
//!
//! Pure. Calls that somebody waits for at a socket, and leases, come first. All others are taken by tenant: the next is
//! always of the tenant that has had least once it is served (self-clocked fair queuing), so that one whose calls are light waits for
//! none whose calls are heavy, as long as it asks for less than its share. A group is bounded by the number of its calls
//! and by what they cost together, so that no call waits long for others; a call that costs more than that is a group by
//! itself. A group that had no room for the next turn is followed by one of which half is for turns, so that nobody starves.

use std::collections::{BTreeSet, HashMap, VecDeque};

use hookyard_model::TenantName;

/// When a call comes to its turn.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Line {
    /// Before the others: appends and leases.
    First,
    /// In turn with other tenants; the host's own calls count as those of a tenant without a name.
    Turn(Option<TenantName>),
}

/// What a group may be made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Calls.
    pub(crate) calls: usize,
    /// What they cost together, in rows written (see `weight`).
    pub(crate) weight: u64,
}

/// Calls that wait.
pub(crate) struct Queue<T> {
    bounds: Bounds,
    first: VecDeque<Waiting<T>>,
    turns: HashMap<Option<TenantName>, VecDeque<Waiting<T>>>,
    /// Whose turn is next: everybody who has calls in `turns`, by what they will have had once their next call is served.
    order: BTreeSet<(u64, Option<TenantName>)>,
    /// What each has had: of those who have calls, and of those who had more than whoever was served last.
    had: HashMap<Option<TenantName>, u64>,
    /// What whoever was served last had had before: nobody counts as having had less.
    now: u64,
    /// The last group had no room for the next turn.
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
            had: HashMap::new(),
            now: 0,
            is_turn_owed: false,
        }
    }

    pub(crate) fn push(&mut self, line: Line, weight: u64, call: T) {
        let waiting = Waiting { weight, call };
        match line {
            Line::First => self.first.push_back(waiting),
            Line::Turn(owner) => {
                let calls = self.turns.entry(owner.clone()).or_default();
                if calls.is_empty() {
                    let had = self.had.entry(owner.clone()).or_default();
                    *had = self.now.max(*had);
                    self.order.insert((*had + weight, owner));
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
        self.had.clear();
    }

    /// Moves the calls of the next group into `group`, which is empty; at least one, unless no call waits.
    pub(crate) fn next_group(&mut self, group: &mut Vec<T>) {
        let mut room = Room {
            left: self.bounds,
            is_unused: true,
        };
        let is_owed = self.is_turn_owed;
        while is_owed && room.is_half_left(self.bounds) && self.take_turn(&mut room, group) {}
        take(&mut self.first, &mut room, group);
        while self.take_turn(&mut room, group) {}

        self.is_turn_owed = !is_owed && !self.order.is_empty();
    }

    /// Takes the next call of the tenant that has had least. Returns whether there was one, and room for it.
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
        let had = self.had.entry(owner.clone()).or_default();
        self.now = self.now.max(*had);
        *had += next.weight;
        match following {
            Some(weight) => drop(self.order.insert((*had + weight, owner))),
            None => {
                self.turns.remove(&owner);
                let (now, turns) = (self.now, &self.turns);
                self.had
                    .retain(|owner, had| *had > now || turns.contains_key(owner));
            }
        }
        true
    }
}

/// What a group may still take.
struct Room {
    left: Bounds,
    is_unused: bool,
}

impl Room {
    /// Whether at least half of the whole is left.
    fn is_half_left(&self, whole: Bounds) -> bool {
        self.is_unused || (self.left.calls > whole.calls / 2 && self.left.weight > whole.weight / 2)
    }

    /// Whether there is room for a call, which is then taken. An empty group has room for any.
    fn admit(&mut self, weight: u64) -> bool {
        let fits = self.left.calls > 0 && weight <= self.left.weight;
        if !fits && !self.is_unused {
            return false;
        }
        self.is_unused = false;
        self.left.calls = self.left.calls.saturating_sub(1);
        self.left.weight = self.left.weight.saturating_sub(weight);
        true
    }
}

/// Takes calls from the front while there is room; how many.
fn take<T>(calls: &mut VecDeque<Waiting<T>>, room: &mut Room, group: &mut Vec<T>) -> usize {
    let before = group.len();
    while calls.front().is_some_and(|next| room.admit(next.weight)) {
        group.extend(calls.pop_front().map(|next| next.call));
    }
    group.len() - before
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

    fn of(tenant: &str) -> Line {
        Line::Turn(Some(tenant.parse().expect("a name")))
    }

    fn next(queue: &mut Queue<String>) -> String {
        let mut group = Vec::new();
        queue.next_group(&mut group);
        group.join(" ")
    }

    fn fill(queue: &mut Queue<String>, line: &Line, weight: u64, names: &[&str]) {
        names
            .iter()
            .for_each(|name| queue.push(line.clone(), weight, (*name).to_owned()));
    }

    #[test]
    fn appends_come_before_settlements() {
        let mut queue = queue();
        fill(&mut queue, &of("acme"), 10, &["s1", "s2"]);
        fill(&mut queue, &Line::First, 1, &["a1", "a2"]);
        assert_eq!(next(&mut queue), "a1 a2 s1 s2");
        assert!(queue.is_empty());
        assert_eq!(next(&mut queue), "");
    }

    #[test]
    fn heavy_calls_are_groups_alone_and_alternate_with_appends() {
        let mut queue = queue();
        fill(&mut queue, &of("acme"), 1000, &["heavy1", "heavy2"]);
        fill(&mut queue, &Line::First, 1, &["a1"]);
        assert_eq!(next(&mut queue), "a1");
        fill(&mut queue, &Line::First, 1, &["a2"]);
        assert_eq!(next(&mut queue), "heavy1");
        assert_eq!(next(&mut queue), "a2");
        assert_eq!(next(&mut queue), "heavy2");
    }

    #[test]
    fn endless_appends_starve_no_settlement() {
        let mut queue = queue();
        fill(&mut queue, &of("acme"), 1, &["s1", "s2"]);
        let mut groups = Vec::new();
        for _ in 0..4 {
            fill(&mut queue, &Line::First, 25, &["a", "a", "a", "a", "a"]);
            groups.push(next(&mut queue));
        }
        assert_eq!(groups, ["a a a a", "s1 s2 a a", "a a a a", "a a a a"]);
    }

    #[test]
    fn tenants_take_turns_by_cost() {
        let mut queue = queue();
        fill(&mut queue, &of("noisy"), 90, &["n1", "n2", "n3"]);
        fill(&mut queue, &of("quiet"), 5, &["q1", "q2"]);
        fill(&mut queue, &Line::Turn(None), 5, &["h1"]);
        assert_eq!(next(&mut queue), "h1 q1 q2");
        for heavy in ["n1", "n2", "n3"] {
            assert_eq!(next(&mut queue), heavy);
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn a_light_tenant_waits_for_no_more_than_one_heavy_call() {
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
        assert_eq!(heavy, 4, "and the heavy ones go on: {groups:?}");
    }

    #[test]
    fn one_that_was_idle_has_nothing_saved_up_and_one_that_had_much_is_not_forgiven() {
        let mut queue = queue();
        fill(&mut queue, &of("noisy"), 90, &["n1"]);
        assert_eq!(next(&mut queue), "n1");
        // Its queue was empty for a moment.
        fill(&mut queue, &of("noisy"), 90, &["n2"]);
        fill(&mut queue, &of("quiet"), 20, &["q1", "q2"]);
        assert_eq!(next(&mut queue), "q1 q2");
        assert_eq!(next(&mut queue), "n2");
    }

    #[test]
    fn group_is_bounded_by_calls() {
        let mut queue = queue();
        fill(&mut queue, &Line::First, 0, &["a1", "a2", "a3"]);
        fill(&mut queue, &of("acme"), 0, &["s1", "s2"]);
        assert_eq!(next(&mut queue), "a1 a2 a3 s1");
        assert_eq!(next(&mut queue), "s2");
    }
}
