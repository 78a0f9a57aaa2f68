//! Judges a listing by the naming rules: which plugins are there, and which entries are nobody's.
//!
//! `<tenant>/<plugin>.wasm` is a plugin, `<tenant>/<plugin>.toml` its settings. Other files are left alone, save those
//! that somebody clearly meant to be loaded: they become a problem to tell the operator.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

use hookyard_model::{PluginName, PluginRef, TenantName};

use super::listing::{FIXTURES, Item, ItemKind, Listing, TopKind};
use super::stamp::{FolderStamp, Stamp};

/// A plugin's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Files {
    /// The component.
    pub(super) code: Stamp,
    /// The settings beside it, where there are any.
    pub(super) sidecar: Option<Stamp>,
    /// The fixtures beside it, where there are any.
    pub(super) fixtures: Option<FolderStamp>,
}

impl Files {
    /// For how long all of them had been unchanged.
    pub(super) fn quiet_for(&self, now: SystemTime) -> Duration {
        let code = self.code.quiet_for(now);
        let sidecar = self.sidecar.map(|sidecar| sidecar.quiet_for(now));
        let fixtures = self.fixtures.map(|fixtures| fixtures.quiet_for(now));
        sidecar.into_iter().chain(fixtures).fold(code, Duration::min)
    }
}

/// What a look at the folder showed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sighting {
    /// The plugins that are there.
    pub(super) plugins: BTreeMap<PluginRef, Files>,
    /// Plugins that can't be seen now and may well be there: nothing is concluded from their absence.
    pub(super) hidden: BTreeSet<PluginRef>,
    /// Tenants of whom the same holds as a whole.
    pub(super) hidden_tenants: BTreeSet<TenantName>,
    /// What the operator should hear, a line each.
    pub(super) problems: BTreeSet<String>,
}

/// Judges `listing` of `folder`. Of more than `count_max` plugins, the first by name count.
pub(super) fn judge(folder: &Path, listing: &Listing, count_max: usize) -> Sighting {
    let mut sighting = Sighting::default();
    for top in &listing.top {
        let shown = folder.join(&top.name);
        let tenant = TenantName::new(&top.name);
        match (&top.kind, tenant) {
            (TopKind::File, _) => sighting.problems.extend(stray(&shown, &top.name)),
            (TopKind::Folder(items), Ok(tenant)) => judge_tenant(&shown, &tenant, items, &mut sighting),
            (TopKind::Unreadable(why), Ok(tenant)) => {
                sighting.problems.insert(format!("{} can't be read: {why}", shown.display()));
                sighting.hidden_tenants.insert(tenant);
            }
            (_, Err(error)) => drop(sighting.problems.insert(format!("{} is ignored: {error}", shown.display()))),
        }
    }
    while sighting.plugins.len() > count_max
        && let Some((plugin, _)) = sighting.plugins.pop_last()
    {
        let problem = format!("{plugin} is ignored: there are more than {count_max} plugins (plugins.count_max)");
        sighting.problems.insert(problem);
    }
    sighting
}

/// A component that stands beside the tenants' folders rather than in one.
fn stray(shown: &Path, name: &str) -> Option<String> {
    let advice =
        || format!("{} is ignored: it stands in no tenant's folder; move it to <tenant>/{name}", shown.display());
    name.ends_with(".wasm").then(advice)
}

fn judge_tenant(shown: &Path, tenant: &TenantName, items: &[Item], sighting: &mut Sighting) {
    let by_end = |end: &str| -> BTreeMap<&str, &Item> {
        items.iter().filter_map(|item| Some((item.name.strip_suffix(end)?, item))).collect()
    };
    let (sidecars, fixtures) = (by_end(".toml"), by_end(FIXTURES));
    for item in items {
        let shown = shown.join(&item.name);
        let Some(name) = item.name.strip_suffix(".wasm") else {
            sighting.problems.extend(compiled(&shown, &item.name));
            continue;
        };
        let plugin = match PluginName::new(name) {
            Ok(plugin) => PluginRef { tenant: tenant.clone(), plugin },
            Err(error) => {
                sighting.problems.insert(format!("{} is ignored: {error}", shown.display()));
                continue;
            }
        };
        match see(item, sidecars.get(name).copied(), fixtures.get(name).copied()) {
            Seen::Files(files) => drop(sighting.plugins.insert(plugin, files)),
            Seen::Unusable(why) => drop(sighting.problems.insert(format!("{} is ignored: {why}", shown.display()))),
            Seen::Hidden(why) => {
                sighting.problems.insert(format!("{} can't be read: {why}", shown.display()));
                sighting.hidden.insert(plugin);
            }
        }
    }
}

enum Seen<'l> {
    Files(Files),
    Unusable(&'static str),
    Hidden(&'l str),
}

fn see<'l>(code: &'l Item, sidecar: Option<&'l Item>, fixtures: Option<&'l Item>) -> Seen<'l> {
    let code = match &code.kind {
        ItemKind::File(stamp) => *stamp,
        ItemKind::Other | ItemKind::Fixtures(_) => return Seen::Unusable("it is not a file"),
        ItemKind::Dangling => return Seen::Unusable("it is a link to nothing"),
        ItemKind::Unreadable(why) => return Seen::Hidden(why),
    };
    let fixtures = fixtures.and_then(|item| match &item.kind {
        ItemKind::Fixtures(stamp) => Some(*stamp),
        _ => None,
    });
    match sidecar.map(|item| &item.kind) {
        Some(ItemKind::File(stamp)) => Seen::Files(Files { code, sidecar: Some(*stamp), fixtures }),
        Some(ItemKind::Unreadable(why)) => Seen::Hidden(why),
        Some(ItemKind::Other | ItemKind::Fixtures(_)) => Seen::Unusable("the .toml beside it is not a file"),
        None | Some(ItemKind::Dangling) => Seen::Files(Files { code, sidecar: None, fixtures }),
    }
}

fn compiled(shown: &Path, name: &str) -> Option<String> {
    let advice =
        || format!("{} is ignored: compiled code is never taken from the folder; drop the .wasm", shown.display());
    name.ends_with(".cwasm").then(advice)
}

#[cfg(test)]
mod tests {
    use super::super::listing::Top;
    use super::*;

    fn stamp(inode: u64) -> Stamp {
        Stamp { device: 1, inode, bytes: 1, modified: 0, changed: 0 }
    }

    fn item(name: &str, kind: ItemKind) -> Item {
        Item { name: name.to_owned(), kind }
    }

    fn tenant(name: &str, items: Vec<Item>) -> Top {
        Top { name: name.to_owned(), kind: TopKind::Folder(items) }
    }

    fn judge_items(items: Vec<Item>) -> Sighting {
        judge(Path::new("plugins"), &Listing { top: vec![tenant("acme", items)], ..Listing::default() }, 9)
    }

    #[test]
    fn a_plugin_is_its_code_and_the_settings_beside_it() {
        let folder = FolderStamp::of([("a.json", stamp(7))].into_iter());
        let sighting = judge_items(vec![
            item("orders.toml", ItemKind::File(stamp(2))),
            item("orders.wasm", ItemKind::File(stamp(1))),
            item("plain.wasm", ItemKind::File(stamp(3))),
            item("lonely.toml", ItemKind::File(stamp(4))),
            item("orders.fixtures", ItemKind::Fixtures(folder)),
            item("notes.txt", ItemKind::File(stamp(5))),
        ]);
        let seen: Vec<_> = sighting.plugins.iter().map(|(plugin, files)| (plugin.to_string(), *files)).collect();
        assert_eq!(
            seen,
            [
                ("acme/orders".to_owned(), Files { code: stamp(1), sidecar: Some(stamp(2)), fixtures: Some(folder) }),
                ("acme/plain".to_owned(), Files { code: stamp(3), sidecar: None, fixtures: None }),
            ]
        );
        assert!(sighting.problems.is_empty(), "{:?}", sighting.problems);
    }

    #[test]
    fn more_plugins_than_there_may_be_are_told() {
        let item = |name| item(name, ItemKind::File(stamp(1)));
        let top = vec![tenant("acme", vec![item("a.wasm"), item("b.wasm"), item("c.wasm")])];
        let sighting = judge(Path::new("plugins"), &Listing { top, ..Listing::default() }, 2);
        assert_eq!(sighting.plugins.len(), 2);
        assert!(sighting.problems.iter().all(|problem| problem.starts_with("acme/c is ignored")));
        assert_eq!(sighting.problems.len(), 1);
    }

    #[test]
    fn what_was_meant_but_cannot_be_is_told() {
        let check = |item: Item, expected: &str| {
            let sighting = judge_items(vec![item]);
            assert!(sighting.plugins.is_empty(), "{expected}");
            let problems: Vec<_> = sighting.problems.iter().collect();
            assert!(problems.len() == 1 && problems[0].contains(expected), "{problems:?} should say: {expected}");
        };
        check(
            item("Orders.wasm", ItemKind::File(stamp(1))),
            "acme/Orders.wasm is ignored: `Orders` is not a usable plugin name",
        );
        check(item("orders.wasm", ItemKind::Other), "orders.wasm is ignored: it is not a file");
        check(item("orders.wasm", ItemKind::Dangling), "orders.wasm is ignored: it is a link to nothing");
        check(item("orders.cwasm", ItemKind::File(stamp(1))), "drop the .wasm");
        check(item("orders.wasm", ItemKind::Unreadable("denied".to_owned())), "orders.wasm can't be read: denied");
    }

    #[test]
    fn components_outside_a_tenants_folder_and_bad_tenants_are_told() {
        let top = vec![
            Top { name: "orders.wasm".to_owned(), kind: TopKind::File },
            Top { name: "README.md".to_owned(), kind: TopKind::File },
            tenant("Not a tenant", vec![]),
        ];
        let sighting = judge(Path::new("plugins"), &Listing { top, ..Listing::default() }, 9);
        let problems: Vec<_> = sighting.problems.into_iter().collect();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("plugins/Not a tenant is ignored: `Not a tenant` is not a usable tenant name"));
        assert!(problems[1].ends_with("move it to <tenant>/orders.wasm"), "{problems:?}");
    }

    #[test]
    fn what_cannot_be_seen_is_not_taken_for_gone() {
        let unreadable = || "denied".to_owned();
        let sighting = judge_items(vec![item("orders.wasm", ItemKind::Unreadable(unreadable()))]);
        assert_eq!(sighting.hidden.len(), 1);
        let top = vec![Top { name: "acme".to_owned(), kind: TopKind::Unreadable(unreadable()) }];
        let sighting = judge(Path::new("plugins"), &Listing { top, ..Listing::default() }, 9);
        assert_eq!(sighting.hidden_tenants.len(), 1);
    }
}
