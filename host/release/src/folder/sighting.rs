//! Finds the plugins in a listing of the folder, by the naming rules.
//!
//! `<tenant>/<plugin>.wasm` is a plugin's component, `<tenant>/<plugin>.toml` its settings, and
//! `<tenant>/<plugin>.fixtures` a folder with its fixtures. Other files are ignored. A file that
//! somebody clearly meant to be loaded, and that cannot be, becomes a problem for the log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

use hookyard_config::files::{FolderStamp, Stamp};
use hookyard_model::{PluginName, PluginRef, TenantName};

use super::listing::{ENTRIES_MAX, FIXTURES, Folder, Item, ItemKind, Listing, TopKind};
use super::precedence::Precedence;

/// The maximum number of problems of one folder that are logged. The others are only counted.
const PROBLEMS_MAX: usize = 20;
/// The maximum number of plugins that one line names.
const NAMES_MAX: usize = 3;

/// The files of a plugin, as one look showed them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    /// The component.
    pub code: Stamp,
    /// The settings, if there are any.
    pub settings: Option<Stamp>,
    /// The folder with fixtures, if there is one.
    pub fixtures: Option<FolderStamp>,
}

impl Files {
    /// Returns for how long none of the files has changed.
    pub(crate) fn quiet_for(&self, now: SystemTime) -> Duration {
        let settings = self.settings.map(|settings| settings.quiet_for(now));
        let fixtures = self.fixtures.map(|fixtures| fixtures.quiet_for(now));
        let others = settings.into_iter().chain(fixtures);
        others.fold(self.code.quiet_for(now), Duration::min)
    }
}

/// What one look at the folder showed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// The plugins that the folder has.
    pub(crate) plugins: BTreeMap<PluginRef, Files>,
    /// The plugins whose files cannot be read at the moment. Nothing follows from their absence.
    pub(crate) hidden: BTreeSet<PluginRef>,
    /// The tenants whose folders cannot be read at the moment.
    pub(crate) hidden_tenants: BTreeSet<TenantName>,
    /// The plugins beyond the maximum of their tenant. They are not loaded, and one that serves
    /// goes on.
    pub(crate) over: BTreeSet<PluginRef>,
    /// A line for each tenant that has too many plugins.
    pub(crate) over_lines: Vec<String>,
    /// The problems that the operator should know about, one line each.
    pub(crate) problems: BTreeSet<String>,
}

impl Sighting {
    /// Returns whether the folder may have a plugin that this look does not show.
    pub(crate) fn hides(&self, plugin: &PluginRef) -> bool {
        self.hidden.contains(plugin)
            || self.hidden_tenants.contains(&plugin.tenant)
            || self.over.contains(plugin)
    }

    /// Adds what was found in the folder of one tenant.
    fn add(&mut self, tenant: Self) {
        self.plugins.extend(tenant.plugins);
        self.hidden.extend(tenant.hidden);
        self.over.extend(tenant.over);
        self.over_lines.extend(tenant.over_lines);
        self.problems.extend(tenant.problems);
    }

    /// Drops problems beyond the maximum, so that a folder full of them does not fill the log.
    fn bound_problems(&mut self, shown: &Path) {
        let Some(dropped) = self.problems.len().checked_sub(PROBLEMS_MAX) else {
            return;
        };
        if dropped == 0 {
            return;
        }

        let problems = std::mem::take(&mut self.problems);
        self.problems = problems.into_iter().take(PROBLEMS_MAX).collect();
        let shown = shown.display();
        self.problems.insert(format!(
            "{shown}: {dropped} more of its entries are ignored"
        ));
    }
}

/// Finds the plugins in a listing of `folder`. At most `count_max` plugins of a tenant count, in
/// the order of `precedence`.
pub(crate) fn judge(
    folder: &Path,
    listing: &Listing,
    precedence: &Precedence,
    count_max: usize,
) -> Sighting {
    let mut sighting = Sighting::default();
    let mut tenants = Vec::new();
    for top in &listing.top {
        let shown = folder.join(&top.name);
        let tenant = TenantName::new(&top.name);
        match (&top.kind, tenant) {
            (TopKind::File, _) => sighting.problems.extend(stray(&shown, &top.name)),
            (TopKind::Folder(items), Ok(tenant)) => {
                let mut of_tenant = judge_tenant(&shown, &tenant, items);
                of_tenant.over = precedence.bound(&mut of_tenant.plugins, count_max);
                let line = over_line(&tenant, &of_tenant.over, count_max);
                of_tenant.over_lines.extend(line);
                tenants.push(of_tenant);
            }
            (TopKind::Unreadable(why), Ok(tenant)) => {
                sighting
                    .problems
                    .insert(format!("{} cannot be read: {why}", shown.display()));
                sighting.hidden_tenants.insert(tenant);
            }
            (_, Err(error)) => {
                let problem = format!("{} is ignored: {error}", shown.display());
                sighting.problems.insert(problem);
            }
        }
    }

    sighting.bound_problems(folder);
    tenants.into_iter().for_each(|tenant| sighting.add(tenant));
    sighting
}

/// Returns the line about a tenant's plugins beyond the maximum.
fn over_line(tenant: &TenantName, over: &BTreeSet<PluginRef>, count_max: usize) -> Option<String> {
    if over.is_empty() {
        return None;
    }

    let names = over.iter().map(|plugin| plugin.name.as_str());
    let mut names = names.take(NAMES_MAX).collect::<Vec<_>>().join(", ");
    if over.len() > NAMES_MAX {
        names.push_str(&format!(" and {} more", over.len() - NAMES_MAX));
    }
    Some(format!(
        "plugins of {tenant} are not loaded: {names}; a tenant may have {count_max} plugins: \
         remove some, or raise plugins.tenant_count_max"
    ))
}

/// Returns the problem of a component that is outside the tenants' folders.
fn stray(shown: &Path, name: &str) -> Option<String> {
    if !name.ends_with(".wasm") {
        return None;
    }
    Some(format!(
        "{} is ignored: it is not in a tenant's folder; move it to <tenant>/{name}",
        shown.display()
    ))
}

/// Finds the plugins of one tenant.
fn judge_tenant(shown: &Path, tenant: &TenantName, Folder { items, is_cut }: &Folder) -> Sighting {
    let mut sighting = Sighting::default();
    let by_end = |end: &str| -> BTreeMap<&str, &Item> {
        items
            .iter()
            .filter_map(|item| Some((item.name.strip_suffix(end)?, item)))
            .collect()
    };
    let (settings_files, fixtures) = (by_end(".toml"), by_end(FIXTURES));
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
        let (settings, fixtures) = (
            settings_files.get(name).copied(),
            fixtures.get(name).copied(),
        );
        match files_of(item, settings, fixtures) {
            FoundFiles::Files(files) => {
                sighting.plugins.insert(plugin, files);
            }
            FoundFiles::Unusable(why) => {
                let problem = format!("{} is ignored: {why}", shown.display());
                sighting.problems.insert(problem);
            }
            FoundFiles::Hidden(why) => {
                let problem = format!("{} cannot be read: {why}", shown.display());
                sighting.problems.insert(problem);
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

/// What the entries of one plugin are.
enum FoundFiles<'l> {
    /// Files that can be loaded.
    Files(Files),
    /// Entries that cannot be a plugin, for this reason.
    Unusable(&'static str),
    /// Entries that cannot be read at the moment, for this reason.
    Hidden(&'l str),
}

fn files_of<'l>(
    code: &'l Item,
    settings: Option<&'l Item>,
    fixtures: Option<&'l Item>,
) -> FoundFiles<'l> {
    let code = match &code.kind {
        ItemKind::File(stamp) => *stamp,
        ItemKind::Other | ItemKind::Fixtures(_) => return FoundFiles::Unusable("it is not a file"),
        ItemKind::Dangling => return FoundFiles::Unusable("it is a link to nothing"),
        ItemKind::Unreadable(why) => return FoundFiles::Hidden(why),
    };
    let fixtures = fixtures.and_then(|item| match &item.kind {
        ItemKind::Fixtures(stamp) => Some(*stamp),
        _ => None,
    });

    match settings.map(|item| &item.kind) {
        Some(ItemKind::File(stamp)) => FoundFiles::Files(Files {
            code,
            settings: Some(*stamp),
            fixtures,
        }),
        Some(ItemKind::Unreadable(why)) => FoundFiles::Hidden(why),
        Some(ItemKind::Other | ItemKind::Fixtures(_)) => {
            FoundFiles::Unusable("the .toml beside it is not a file")
        }
        None | Some(ItemKind::Dangling) => FoundFiles::Files(Files {
            code,
            settings: None,
            fixtures,
        }),
    }
}

/// Returns the problem of a file with compiled code.
fn compiled(shown: &Path, name: &str) -> Option<String> {
    if !name.ends_with(".cwasm") {
        return None;
    }
    Some(format!(
        "{} is ignored: compiled code is never taken from the folder; drop the .wasm",
        shown.display()
    ))
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
    fn plugin_has_code_settings_and_fixtures() {
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
                        settings: Some(stamp(2)),
                        fixtures: Some(folder)
                    }
                ),
                (
                    "acme/plain".to_owned(),
                    Files {
                        code: stamp(3),
                        settings: None,
                        fixtures: None
                    }
                ),
            ]
        );

        assert!(sighting.problems.is_empty(), "{:?}", sighting.problems);
    }

    #[test]
    fn serving_plugins_count_first_then_loading_then_old_files() {
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
    fn problems_of_a_folder_are_limited() {
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
    fn unusable_files_are_problems() {
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
            "acme/Orders.wasm is ignored: `Orders` is not a valid plugin name",
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
            "orders.wasm cannot be read: denied",
        );
    }

    #[test]
    fn stray_components_and_bad_tenants_are_problems() {
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
            "plugins/Not a tenant is ignored: `Not a tenant` is not a valid tenant name"
        ));

        assert!(
            problems[1].ends_with("move it to <tenant>/orders.wasm"),
            "{problems:?}"
        );
    }

    #[test]
    fn unreadable_plugins_are_hidden() {
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
