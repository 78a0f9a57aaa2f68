//! The names of types: a component's own name, otherwise the path at which the type is used.

use std::collections::{BTreeMap, HashSet};

use super::{Event, emitted, has_name};
use crate::names::{Given, kebab};
use crate::resolve::name_of;
use crate::types::{Form, TypeId, Types, Use};

/// Names that mean something else in the package.
const RESERVED: [&str; 5] = ["event", "delivery", "failure", "json", "handle"];

/// Names the types of events. Of several paths to a type, the shortest counts, and of these the
/// first by the alphabet.
pub(super) fn names(types: &Types, events: &[Event]) -> BTreeMap<TypeId, String> {
    let order = order(types, events);
    let mut paths: BTreeMap<TypeId, String> = BTreeMap::new();
    let offer = |paths: &mut BTreeMap<TypeId, String>, id: TypeId, path: String| {
        let known = paths.entry(id).or_insert_with(|| path.clone());
        if (path.len(), &path) < (known.len(), known) {
            *known = path;
        }
    };
    for event in events {
        if let Some((id, suffix)) = reached(types, event.ty) {
            offer(&mut paths, id, format!("{}{suffix}", event.case));
        }
    }

    let mut bases = BTreeMap::new();
    for id in &order {
        let base = base(types, *id, paths.get(id));
        for (name, child, suffix) in children(types, *id) {
            offer(&mut paths, child, format!("{base}-{name}{suffix}"));
        }
        bases.insert(*id, base);
    }
    unique(types, &order, &bases)
}

fn base(types: &Types, id: TypeId, path: Option<&String>) -> String {
    let origin = types.get(id).origin.as_deref();
    let component = origin.map(|pointer| kebab(&crate::document::unescaped(name_of(pointer))));
    let component = component.filter(|name| !name.is_empty());
    component
        .or_else(|| path.cloned())
        .unwrap_or_else(|| "body".into())
}

/// Gives each type a name of its own. The first type by its pointer keeps a name that several want.
fn unique(
    types: &Types,
    order: &[TypeId],
    bases: &BTreeMap<TypeId, String>,
) -> BTreeMap<TypeId, String> {
    let mut wanted: Vec<_> = order.iter().enumerate().collect();
    let origin = |id: TypeId| types.get(id).origin.as_deref();
    wanted.sort_by_key(|(place, id)| (&bases[*id], origin(**id).is_none(), origin(**id), *place));

    let mut given = Given::reserving(&RESERVED);
    let mut names = BTreeMap::new();
    let mut seen = HashSet::new();
    let (firsts, others): (Vec<_>, Vec<_>) = wanted
        .into_iter()
        .partition(|(_, id)| seen.insert(&bases[*id]));
    for (_, id) in firsts.into_iter().chain(others) {
        names.insert(*id, given.give(&bases[id]));
    }
    names
}

/// Returns the named types of events, each before the types in it.
fn order(types: &Types, events: &[Event]) -> Vec<TypeId> {
    let mut order = Vec::new();
    let mut seen = HashSet::new();
    for event in events.iter().rev() {
        if let Some((id, _)) = reached(types, event.ty) {
            visit(types, id, &mut seen, &mut order);
        }
    }
    order.reverse();
    order
}

fn visit(types: &Types, id: TypeId, seen: &mut HashSet<TypeId>, order: &mut Vec<TypeId>) {
    if !seen.insert(id) {
        return;
    }
    for (_, child, _) in children(types, id).into_iter().rev() {
        visit(types, child, seen, order);
    }
    order.push(id);
}

/// Returns the named types in the fields of a record, with the field's name and the rest of the
/// path.
fn children(types: &Types, id: TypeId) -> Vec<(String, TypeId, &'static str)> {
    let Form::Record(fields) = &types.get(id).form else {
        return Vec::new();
    };
    let emitted = emitted(fields).fields.into_iter();
    emitted
        .filter_map(|(name, field)| {
            let (child, suffix) = reached(types, field.ty)?;
            Some((name, child, suffix))
        })
        .collect()
}

/// Returns the named type of a use: the type itself, or what its lists and maps contain.
fn reached(types: &Types, used: Use) -> Option<(TypeId, &'static str)> {
    match types.form(used) {
        Form::List(item) => reached(types, *item).map(|(id, _)| (id, "-item")),
        Form::Map(value) => reached(types, *value).map(|(id, _)| (id, "-value")),
        _ => has_name(types, used.id).then_some((used.id, "")),
    }
}
