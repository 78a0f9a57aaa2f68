//! Types that contain themselves, over the whole document.
//!
//! WIT has no recursive types. Among the `$ref` targets that reach each other, a `$ref` is cut if it
//! leads to a pointer that sorts at or before the pointer of its own target. What remains
//! always leads to later pointers, so it has no circle. The choice of events moves no cut.

use std::collections::{BTreeMap, BTreeSet};

use super::{each_part, reference, target};
use crate::document::{At, Document};

/// The groups of `$ref` targets that reach each other.
#[derive(Debug, Default)]
pub(crate) struct Cycles {
    /// The group of each target that is in one.
    groups: BTreeMap<String, usize>,
}

impl Cycles {
    /// Looks for circles among the targets that are reachable from some schemas. A `$ref` that
    /// leads nowhere is left to the code that needs the target.
    pub(crate) fn of<'a>(document: &'a Document, roots: impl Iterator<Item = At<'a>>) -> Self {
        let graph = graph(document, roots);
        let names: Vec<_> = graph.keys().cloned().collect();
        let index = |name: &String| names.binary_search(name).ok();
        let edges: Vec<Vec<usize>> = graph
            .values()
            .map(|targets| targets.iter().filter_map(index).collect())
            .collect();

        let mut cycles = Self::default();
        for (group, members) in components(&edges).into_iter().enumerate() {
            let is_loop = members.len() > 1 || edges[members[0]].contains(&members[0]);
            if is_loop {
                let names = members.into_iter().map(|it| (names[it].clone(), group));
                cycles.groups.extend(names);
            }
        }
        cycles
    }

    /// Whether a `$ref` in a target is cut.
    pub(crate) fn is_cut(&self, from: &str, to: &str) -> bool {
        let group = |name| self.groups.get(name);
        to <= from && group(from).is_some() && group(from) == group(to)
    }
}

/// Returns the targets in the schemas of each target.
fn graph<'a>(
    document: &'a Document,
    roots: impl Iterator<Item = At<'a>>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut graph = BTreeMap::new();
    let mut found: Vec<At<'a>> = roots.flat_map(|root| targets(document, root)).collect();
    while let Some(at) = found.pop() {
        if graph.contains_key(&at.pointer) {
            continue;
        }
        let pointer = at.pointer.clone();
        let inside = targets(document, at);
        let names = inside.iter().map(|it| it.pointer.clone()).collect();
        graph.insert(pointer, names);
        found.extend(inside);
    }
    graph
}

/// Returns the targets of all `$ref`s in a schema.
fn targets<'a>(document: &'a Document, schema: At<'a>) -> Vec<At<'a>> {
    let mut targets = Vec::new();
    let mut open = vec![schema];
    while let Some(at) = open.pop() {
        let reference = reference(&at);
        targets.extend(reference.and_then(|it| target(document, &it).ok()));
        each_part(&at, |part| open.push(part));
    }
    targets
}

/// Returns the strongly connected components of a graph (Tarjan 1972), without using the stack.
fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        order: vec![None; edges.len()],
        low: vec![0; edges.len()],
        is_open: vec![false; edges.len()],
        ..Search::default()
    };
    for node in 0..edges.len() {
        if search.order[node].is_none() {
            search.from(node, edges);
        }
    }
    search.components
}

#[derive(Default)]
struct Search {
    order: Vec<Option<usize>>,
    low: Vec<usize>,
    is_open: Vec<bool>,
    open: Vec<usize>,
    count: usize,
    components: Vec<Vec<usize>>,
}

impl Search {
    fn from(&mut self, root: usize, edges: &[Vec<usize>]) {
        let mut path = vec![(root, 0)];
        self.enter(root);
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            if let Some(&to) = edges[node].get(*next) {
                *next += 1;
                match self.order[to] {
                    None => {
                        self.enter(to);
                        path.push((to, 0));
                    }
                    Some(order) if self.is_open[to] => self.low[node] = self.low[node].min(order),
                    Some(_) => {}
                }
                continue;
            }
            path.pop();
            if let Some((parent, _)) = path.last() {
                self.low[*parent] = self.low[*parent].min(self.low[node]);
            }
            if Some(self.low[node]) == self.order[node] {
                self.close(node);
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.order[node] = Some(self.count);
        self.low[node] = self.count;
        self.count += 1;
        self.is_open[node] = true;
        self.open.push(node);
    }

    fn close(&mut self, node: usize) {
        let start = self.open.iter().rposition(|it| *it == node).unwrap_or(0);
        let members = self.open.split_off(start);
        members.iter().for_each(|it| self.is_open[*it] = false);
        self.components.push(members);
    }
}
