//! Judges a listing by the naming rules: which plugins are there, and which entries are nobody's.
//!
//! `<tenant>/<plugin>.wasm` is a plugin, `<tenant>/<plugin>.toml` its settings. Other files are left alone, save those
//! that somebody clearly meant to be loaded: they become a problem to tell the operator.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

use hookyard_model::{PluginName, PluginRef, TenantName};

use super::listing::{ENTRIES_MAX, FIXTURES, Folder, Item, ItemKind, Listing, TopKind};
use super::precedence::Precedence;
use hookyard_config::files::{FolderStamp, Stamp};

/// Lines about one folder that are told one by one. Of others only the number is told.
const PROBLEMS_MAX: usize = 20;
/// Names of plugins in a line.
const NAMES_MAX: usize = 3;

/// A plugin's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    /// The component.
    pub code: Stamp,
    /// The settings beside it, where there are any.
    pub sidecar: Option<Stamp>,
    /// The fixtures beside it, where there are any.
    pub fixtures: Option<FolderStamp>,
}

impl Files {
    /// For how long all of them had been unchanged.
    pub(crate) fn quiet_for(&self, now: SystemTime) -> Duration {
        let code = self.code.quiet_for(now);
        let sidecar = self.sidecar.map(|sidecar| sidecar.quiet_for(now));
        let fixtures = self.fixtures.map(|fixtures| fixtures.quiet_for(now));
        sidecar
            .into_iter()
            .chain(fixtures)
            .fold(code, Duration::min)
    }
}

/// What a look at the folder showed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// The plugins that are there.
    pub(crate) plugins: BTreeMap<PluginRef, Files>,
    /// Plugins that can't be seen now and may well be there: nothing is concluded from their absence.
    pub(crate) hidden: BTreeSet<PluginRef>,
    /// Tenants of whom the same holds as a whole.
    pub(crate) hidden_tenants: BTreeSet<TenantName>,
    /// Plugins beyond the most that their tenant may have. Nothing is loaded of them; what serves goes on.
    pub(crate) over: BTreeSet<PluginRef>,
    /// A line for each tenant that has such.
    pub(crate) over_lines: Vec<String>,
    /// What the operator should hear, a line each.
    pub(crate) problems: BTreeSet<String>,
}

impl Sighting {
    /// Whether a plugin may well be there, and can't be seen or isn't looked at.
    pub(crate) fn hides(&self, plugin: &PluginRef) -> bool {
        self.hidden.contains(plugin)
            || self.hidden_tenants.contains(&plugin.tenant)
            || self.over.contains(plugin)
    }

    /// Adds what was found of one tenant.
    fn add(&mut self, tenant: Self) {
        self.plugins.extend(tenant.plugins);
        self.hidden.extend(tenant.hidden);
        self.over.extend(tenant.over);
        self.over_lines.extend(tenant.over_lines);
        self.problems.extend(tenant.problems);
    }

    /// Leaves so many problems that a folder full of them fills no log.
    fn bound_problems(&mut self, shown: &Path) {
        let count = self.problems.len();
        if count > PROBLEMS_MAX {
            self.problems = std::mem::take(&mut self.problems)
                .into_iter()
                .take(PROBLEMS_MAX)
                .collect();
            let left_out = count - PROBLEMS_MAX;
            self.problems.insert(format!(
                "{}: {left_out} more of its entries are ignored",
                shown.display()
            ));
        }
    }
}

/// Judges `listing` of `folder`. Of more than `count_max` plugins of a tenant, those that come first count.
pub(crate) fn judge(
    folder: &Path,
    listing: &Listing,
    precedence: &Precedence,
    count_max: usize,
) -> Sighting {
    let (mut sighting, mut tenants) = (Sighting::default(), Vec::new());
    for top in &listing.top {
        let shown = folder.join(&top.name);
        let tenant = TenantName::new(&top.name);
        match (&top.kind, tenant) {
            (TopKind::File, _) => sighting.problems.extend(stray(&shown, &top.name)),
            (TopKind::Folder(items), Ok(tenant)) => {
                let mut found = judge_tenant(&shown, &tenant, items);
                found.over = precedence.bound(&mut found.plugins, count_max);
                found
                    .over_lines
                    .extend(told_over(&tenant, &found.over, count_max));
                tenants.push(found);
            }
            (TopKind::Unreadable(why), Ok(tenant)) => {
                sighting
                    .problems
                    .insert(format!("{} can't be read: {why}", shown.display()));
                sighting.hidden_tenants.insert(tenant);
            }
            (_, Err(error)) => drop(
                sighting
                    .problems
                    .insert(format!("{} is ignored: {error}", shown.display())),
            ),
        }
    }
    sighting.bound_problems(folder);
    tenants.into_iter().for_each(|tenant| sighting.add(tenant));
    sighting
}

/// What is said of a tenant's plugins that are over the bound.
fn told_over(tenant: &TenantName, over: &BTreeSet<PluginRef>, count_max: usize) -> Option<String> {
    let names: Vec<_> = over
        .iter()
        .take(NAMES_MAX)
        .map(|plugin| plugin.name.as_str())
        .collect();
    let names = match over.len() - names.len() {
        _ if names.is_empty() => return None,
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    };
    Some(format!(
        "plugins of {tenant} are not loaded: {names}; a tenant may have {count_max} plugins: remove some, or raise \
         plugins.tenant_count_max"
    ))
}

/// A component that stands beside the tenants' folders rather than in one.
fn stray(shown: &Path, name: &str) -> Option<String> {
    let advice = || {
        format!(
            "{} is ignored: it stands in no tenant's folder; move it to <tenant>/{name}",
            shown.display()
        )
    };
    name.ends_with(".wasm").then(advice)
}

/// What is found of one tenant.
fn judge_tenant(shown: &Path, tenant: &TenantName, Folder { items, is_cut }: &Folder) -> Sighting {
    let mut sighting = Sighting::default();
    let by_end = |end: &str| -> BTreeMap<&str, &Item> {
        items
            .iter()
            .filter_map(|item| Some((item.name.strip_suffix(end)?, item)))
            .collect()
    };
    let (sidecars, fixtures) = (by_end(".toml"), by_end(FIXTURES));
    for item in items {
        let shown = shown.join(&item.name);
        let Some(name) = item.name.strip_suffix(".wasm") else {
            sighting.problems.extend(compiled(&shown, &item.name));
            continue;
        };
        let plugin = match PluginName::new(name) {
            Ok(plugin) => PluginRef {
                tenant: tenant.clone(),
                name: plugin,
            },
            Err(error) => {
                sighting
                    .problems
                    .insert(format!("{} is ignored: {error}", shown.display()));
                continue;
            }
        };
        match see(
            item,
            sidecars.get(name).copied(),
            fixtures.get(name).copied(),
        ) {
            Seen::Files(files) => drop(sighting.plugins.insert(plugin, files)),
            Seen::Unusable(why) => drop(
                sighting
                    .problems
                    .insert(format!("{} is ignored: {why}", shown.display())),
            ),
            Seen::Hidden(why) => {
                sighting
                    .problems
                    .insert(format!("{} can't be read: {why}", shown.display()));
                sighting.hidden.insert(plugin);
            }
        }
    }
    sighting.bound_problems(shown);
    if *is_cut {
        let shown = shown.display();
        sighting.problems.insert(format!(
            "{shown} has more than {ENTRIES_MAX} entries: new files in it may go unseen"
        ));
    }
    sighting
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
        Some(ItemKind::File(stamp)) => Seen::Files(Files {
            code,
            sidecar: Some(*stamp),
            fixtures,
        }),
        Some(ItemKind::Unreadable(why)) => Seen::Hidden(why),
        Some(ItemKind::Other | ItemKind::Fixtures(_)) => {
            Seen::Unusable("the .toml beside it is not a file")
        }
        None | Some(ItemKind::Dangling) => Seen::Files(Files {
            code,
            sidecar: None,
            fixtures,
        }),
    }
}

fn compiled(shown: &Path, name: &str) -> Option<String> {
    let advice = || {
        format!(
            "{} is ignored: compiled code is never taken from the folder; drop the .wasm",
            shown.display()
        )
    };
    name.ends_with(".cwasm").then(advice)
}

#[cfg(test)]
mod tests {
    use super::super::listing::Top;
    use super::*;

    fn stamp(inode: u64) -> Stamp {
        Stamp {
            device: 1,
            inode,
            bytes: 1,
            modified: 0,
            changed: 0,
        }
    }

    fn item(name: &str, kind: ItemKind) -> Item {
        Item {
            name: name.to_owned(),
            kind,
        }
    }

    fn tenant(name: &str, items: Vec<Item>) -> Top {
        Top {
            name: name.to_owned(),
            kind: TopKind::Folder(Folder {
                items,
                is_cut: false,
            }),
        }
    }

    fn judge_top(top: Vec<Top>) -> Sighting {
        judge(
            Path::new("plugins"),
            &Listing {
                top,
                ..Listing::default()
            },
            &Precedence::default(),
            9,
        )
    }

    fn judge_items(items: Vec<Item>) -> Sighting {
        judge_top(vec![tenant("acme", items)])
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
        let seen: Vec<_> = sighting
            .plugins
            .iter()
            .map(|(plugin, files)| (plugin.to_string(), *files))
            .collect();
        assert_eq!(
            seen,
            [
                (
                    "acme/orders".to_owned(),
                    Files {
                        code: stamp(1),
                        sidecar: Some(stamp(2)),
                        fixtures: Some(folder)
                    }
                ),
                (
                    "acme/plain".to_owned(),
                    Files {
                        code: stamp(3),
                        sidecar: None,
                        fixtures: None
                    }
                ),
            ]
        );
        assert!(sighting.problems.is_empty(), "{:?}", sighting.problems);
    }

    #[test]
    fn what_serves_counts_first_then_what_loads_then_the_older_files() {
        let file = |name: &str, changed| {
            item(
                name,
                ItemKind::File(Stamp {
                    changed,
                    ..stamp(1)
                }),
            )
        };
        let acme = ["a.wasm", "b.wasm", "c.wasm", "d.wasm", "e.wasm"]
            .into_iter()
            .zip([1, 3, 2, 5, 9]);
        let acme = acme.map(|(name, changed)| file(name, changed)).collect();
        let top = [
            tenant("acme", acme),
            tenant("blue", vec![file("z.wasm", 99)]),
        ];
        let plugin = |name: &str| PluginRef {
            tenant: "acme".parse().expect("valid"),
            name: name.parse().expect("valid"),
        };
        let precedence = Precedence::new([plugin("e")], [plugin("d"), plugin("e")]);
        let check = |count_max, expected: &str, line: Option<&str>| {
            let listing = Listing {
                top: top.iter().map(copy).collect(),
                ..Listing::default()
            };
            let sighting = judge(Path::new("plugins"), &listing, &precedence, count_max);
            let left: Vec<_> = sighting.plugins.keys().map(ToString::to_string).collect();
            assert_eq!(left.join(" "), expected);
            assert_eq!(sighting.over_lines.first().map(String::as_str), line);
            assert!(sighting.over.iter().all(|plugin| sighting.hides(plugin)));
        };
        let way_out = "remove some, or raise plugins.tenant_count_max";
        let line = |names: &str, max: usize| {
            format!(
                "plugins of acme are not loaded: {names}; a tenant may have {max} plugins: {way_out}"
            )
        };
        check(5, "acme/a acme/b acme/c acme/d acme/e blue/z", None);
        check(3, "acme/a acme/d acme/e blue/z", Some(&line("b, c", 3)));
        check(1, "acme/e blue/z", Some(&line("a, b, c and 1 more", 1)));
    }

    fn copy(Top { name, kind }: &Top) -> Top {
        let TopKind::Folder(folder) = kind else {
            panic!("a folder")
        };
        let items = folder.items.iter().map(|Item { name, kind }| {
            let ItemKind::File(stamp) = kind else {
                panic!("a file")
            };
            item(name, ItemKind::File(*stamp))
        });
        tenant(name, items.collect())
    }

    #[test]
    fn a_folder_full_of_problems_fills_no_log() {
        let items = (0..50)
            .map(|number| item(&format!("{number}.cwasm"), ItemKind::File(stamp(1))))
            .collect();
        let sighting = judge_top(vec![
            tenant("acme", items),
            tenant("blue", vec![item("a.cwasm", ItemKind::File(stamp(2)))]),
        ]);
        assert_eq!(sighting.problems.len(), PROBLEMS_MAX + 2);
        assert!(
            sighting
                .problems
                .contains("plugins/acme: 30 more of its entries are ignored")
        );
        assert!(
            sighting
                .problems
                .iter()
                .any(|problem| problem.starts_with("plugins/blue/a.cwasm is ignored"))
        );
    }

    #[test]
    fn what_was_meant_but_cannot_be_is_told() {
        let check = |item: Item, expected: &str| {
            let sighting = judge_items(vec![item]);
            assert!(sighting.plugins.is_empty(), "{expected}");
            let problems: Vec<_> = sighting.problems.iter().collect();
            assert!(
                problems.len() == 1 && problems[0].contains(expected),
                "{problems:?} should say: {expected}"
            );
        };
        check(
            item("Orders.wasm", ItemKind::File(stamp(1))),
            "acme/Orders.wasm is ignored: `Orders` is not a usable plugin name",
        );
        check(
            item("orders.wasm", ItemKind::Other),
            "orders.wasm is ignored: it is not a file",
        );
        check(
            item("orders.wasm", ItemKind::Dangling),
            "orders.wasm is ignored: it is a link to nothing",
        );
        check(
            item("orders.cwasm", ItemKind::File(stamp(1))),
            "drop the .wasm",
        );
        check(
            item("orders.wasm", ItemKind::Unreadable("denied".to_owned())),
            "orders.wasm can't be read: denied",
        );
    }

    #[test]
    fn components_outside_a_tenants_folder_and_bad_tenants_are_told() {
        let top = vec![
            Top {
                name: "orders.wasm".to_owned(),
                kind: TopKind::File,
            },
            Top {
                name: "README.md".to_owned(),
                kind: TopKind::File,
            },
            tenant("Not a tenant", vec![]),
        ];
        let sighting = judge_top(top);
        let problems: Vec<_> = sighting.problems.into_iter().collect();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with(
            "plugins/Not a tenant is ignored: `Not a tenant` is not a usable tenant name"
        ));
        assert!(
            problems[1].ends_with("move it to <tenant>/orders.wasm"),
            "{problems:?}"
        );
    }

    #[test]
    fn what_cannot_be_seen_is_not_taken_for_gone() {
        let unreadable = || "denied".to_owned();
        let sighting = judge_items(vec![item(
            "orders.wasm",
            ItemKind::Unreadable(unreadable()),
        )]);
        assert_eq!(sighting.hidden.len(), 1);
        let top = vec![Top {
            name: "acme".to_owned(),
            kind: TopKind::Unreadable(unreadable()),
        }];
        let sighting = judge_top(top);
        assert_eq!(sighting.hidden_tenants.len(), 1);
    }
}
