//! The order in which calls come to the writer: which of those that wait form the next group.
//!
//! Pure. Calls that somebody waits for at a socket, and leases, come first. All others are taken by tenant, in turn. A
//! group is bounded by the number of its calls and by what they cost together, so that no call waits long for others; a
//! call that costs more than that is a group by itself. A group that had no room for anybody's turn is followed by one
//! that begins with a turn, so that neither kind starves the other.

use std::collections::{HashMap, VecDeque};

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
    /// Whose turn is next. Has everybody once who has calls in `turns`.
    order: VecDeque<Option<TenantName>>,
    /// The last group had no room for a turn.
    is_turn_owed: bool,
}

struct Waiting<T> {
    weight: u64,
    call: T,
}

impl<T> Queue<T> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, first: VecDeque::new(), turns: HashMap::new(), order: VecDeque::new(), is_turn_owed: false }
    }

    pub(crate) fn push(&mut self, line: Line, weight: u64, call: T) {
        let waiting = Waiting { weight, call };
        match line {
            Line::First => self.first.push_back(waiting),
            Line::Turn(owner) => {
                let calls = self.turns.entry(owner.clone()).or_default();
                if calls.is_empty() {
                    self.order.push_back(owner);
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
    }

    /// Moves the calls of the next group into `group`, which is empty; at least one, unless no call waits.
    pub(crate) fn next_group(&mut self, group: &mut Vec<T>) {
        let mut room = Room { left: self.bounds, is_unused: true };
        let mut has_turn = self.is_turn_owed && self.take_turn(&mut room, group);

        take(&mut self.first, &mut room, group);
        while self.take_turn(&mut room, group) {
            has_turn = true;
        }

        self.is_turn_owed = !has_turn && !self.order.is_empty();
    }

    /// Takes as many calls of the next tenant as there is room for. Returns whether it took any.
    fn take_turn(&mut self, room: &mut Room, group: &mut Vec<T>) -> bool {
        let Some(owner) = self.order.front() else { return false };
        let Some(calls) = self.turns.get_mut(owner) else { return false };
        if take(calls, room, group) == 0 {
            return false;
        }

        let has_more = !calls.is_empty();
        if let Some(owner) = self.order.pop_front() {
            if has_more {
                self.order.push_back(owner);
            } else {
                self.turns.remove(&owner);
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
        Queue::new(Bounds { calls: 4, weight: 100 })
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
        names.iter().for_each(|name| queue.push(line.clone(), weight, (*name).to_owned()));
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
        assert_eq!(next(&mut queue), "n1 q1 q2");
        assert_eq!(next(&mut queue), "h1 n2");
        assert_eq!(next(&mut queue), "n3");
        assert!(queue.is_empty());
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
