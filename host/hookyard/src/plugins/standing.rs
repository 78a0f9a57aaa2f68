//! How a plugin stands, from the store and the folder together.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, anyhow};
use hookyard_model::{PluginRef, Revision, Step, Timestamp};
use hookyard_store::{Block, Order, Quarantine, Releases, RevisionRecord, Routing};
use hookyard_store_sqlite::{OpenError, SqliteStore};

use crate::cli::shared::names;
use hookyard_config::Settings;
use hookyard_config::files;
use hookyard_release::Present;

/// What is known of a plugin from outside the host.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// The content of its file, where there is one that can be read.
    pub(super) file: Option<Revision>,
    /// Whether there's a file.
    pub(super) has_file: bool,
    /// Since when it is as it is.
    pub(super) file_since: Option<Timestamp>,
    /// The most plugins that the tenant may have, where its file is one too many.
    pub(super) over: Option<usize>,
    /// The latest step first.
    pub(super) revisions: Vec<RevisionRecord>,
    pub(super) order: Option<Order>,
    pub(super) blocks: Vec<Block>,
    pub(super) quarantine: Option<Quarantine>,
}

impl Standing {
    /// The revision that serves, or did when the host ended.
    pub(super) fn active(&self) -> Option<&RevisionRecord> {
        self.revisions
            .iter()
            .find(|known| known.step == Step::Active)
    }

    /// The revision that served last before the active one, and may serve again.
    pub(super) fn fallback(&self) -> Option<&RevisionRecord> {
        let may_serve = |known: &&RevisionRecord| {
            known.step != Step::Active && self.block_of(known.revision).is_none()
        };
        self.revisions
            .iter()
            .filter(may_serve)
            .filter(|known| known.served_at.is_some())
            .max_by_key(|known| known.served_at)
    }

    pub(super) fn of(&self, revision: Revision) -> Option<&RevisionRecord> {
        self.revisions
            .iter()
            .find(|known| known.revision == revision)
    }

    pub(super) fn block_of(&self, revision: Revision) -> Option<&Block> {
        self.blocks.iter().find(|block| block.revision == revision)
    }

    pub(super) fn pin(&self) -> Option<&Order> {
        self.order.as_ref().filter(|order| order.is_pin)
    }

    /// The one word for it.
    pub(super) fn state(&self) -> &'static str {
        match (self.active(), self.has_file) {
            _ if self.quarantine.is_some() => "quarantined",
            (Some(_), _) => "active",
            (None, true) if self.over.is_some() => "refused",
            (None, true) if self.file.is_some_and(|file| self.block_of(file).is_some()) => {
                "refused"
            }
            (None, true) => self.progress().map_or(Step::Seen, |(step, _)| step).name(),
            (None, false) => "removed",
        }
    }

    /// How far the file has come that isn't what serves, and since when.
    pub(super) fn progress(&self) -> Option<(Step, Timestamp)> {
        let file = self
            .file
            .filter(|file| self.active().is_none_or(|active| active.revision != *file))?;
        let seen = self.file_since.map(|since| (Step::Seen, since));
        self.of(file).map(|known| (known.step, known.at)).or(seen)
    }

    /// Why what the file holds isn't what serves; `None` where it is, or there's no file.
    pub(super) fn mismatch(&self) -> Option<String> {
        if let Some(count_max) = self.over {
            return Some(format!(
                "its file is not loaded: the tenant may have {count_max} plugins (plugins.tenant_count_max)"
            ));
        }
        let file = self
            .file
            .filter(|file| self.active().is_none_or(|active| active.revision != *file))?;
        let short = file.short();
        Some(match (self.block_of(file), self.pin(), self.of(file)) {
            (Some(block), _, _) => format!("its file ({short}) is refused: {}", block.reason),
            (
                None,
                _,
                Some(RevisionRecord {
                    step: Step::Refused,
                    reason: Some(reason),
                    ..
                }),
            ) => {
                format!("its file ({short}) is refused: {reason}")
            }
            (None, Some(pin), _) if pin.revision != file => {
                format!("its file ({short}) waits for `unpin`")
            }
            (
                None,
                _,
                Some(RevisionRecord {
                    step: Step::Settled,
                    reason: Some(reason),
                    ..
                }),
            ) => {
                format!("its file ({short}) is not served yet: {reason}")
            }
            (None, _, _) => match self.progress() {
                Some((step, since)) => {
                    format!("its file ({short}) is not served yet: {step} since {since}")
                }
                None => format!("its file ({short}) is not served yet"),
            },
        })
    }

    /// What the file holds, where nothing keeps it from service but a block or a pin.
    pub(super) fn kept_out(&self) -> Option<Revision> {
        let file = self
            .file
            .filter(|file| self.active().is_none_or(|active| active.revision != *file))?;
        let is_pinned_out = || {
            self.pin().is_some()
                && self
                    .of(file)
                    .is_none_or(|known| known.step != Step::Refused)
        };
        (self.block_of(file).is_some() || is_pinned_out()).then_some(file)
    }

    /// The revision whose digits begin like this.
    pub(super) fn named(&self, digits: &str) -> anyhow::Result<Revision> {
        let known = self
            .revisions
            .iter()
            .map(|known| known.revision)
            .chain(self.file);
        let mut found: Vec<_> = known
            .filter(|revision| revision.to_string().starts_with(digits))
            .collect();
        found.sort();
        found.dedup();
        match found[..] {
            [revision] => Ok(revision),
            [] => Err(anyhow!(
                "no revision begins with {digits}; `hookyard plugins show` tells which there are"
            )),
            _ => Err(anyhow!(
                "{} revisions begin with {digits}; give more digits",
                found.len()
            )),
        }
    }
}

/// How all plugins stand that have a file, a record or a quarantine.
pub(super) async fn all(settings: &Settings) -> anyhow::Result<BTreeMap<PluginRef, Standing>> {
    let inbox = match SqliteStore::open_read_only(&settings.store.url) {
        // Nothing has been served yet, so nothing is known of it.
        Err(OpenError::Missing { .. }) => return in_folder(settings, BTreeSet::new()),
        opened => opened?,
    };
    let unread = "the inbox can't be read";
    let records = inbox.revisions(None).await.context(unread)?;
    let mut all = in_folder(settings, hookyard_release::serving(&records))?;
    for known in records {
        all.entry(known.plugin.clone())
            .or_default()
            .revisions
            .push(known);
    }
    for order in inbox.orders().await.context(unread)? {
        let plugin = order.plugin.clone();
        all.entry(plugin).or_default().order = Some(order);
    }
    for block in inbox.blocks().await.context(unread)? {
        all.entry(block.plugin.clone())
            .or_default()
            .blocks
            .push(block);
    }
    for quarantine in inbox.quarantined().await.context(unread)? {
        let plugin = quarantine.plugin.clone();
        all.entry(plugin).or_default().quarantine = Some(quarantine);
    }
    Ok(all)
}

/// How one stands.
pub(super) async fn one(settings: &Settings, plugin: &PluginRef) -> anyhow::Result<Standing> {
    let mut all = all(settings).await?;
    match all.remove(plugin) {
        Some(standing) => Ok(standing),
        None => {
            let known = all.keys().map(|known| (&known.tenant, known.name.as_str()));
            names::check_name("plugin", Some(&plugin.tenant), plugin.name.as_str(), known)?;
            Ok(Standing::default())
        }
    }
}

/// What stands in the folder alone.
fn in_folder(
    settings: &Settings,
    serving: BTreeSet<PluginRef>,
) -> anyhow::Result<BTreeMap<PluginRef, Standing>> {
    let folder = &settings.plugins.folder;
    let Present { within, over } = hookyard_release::present(&settings.plugins, serving)
        .with_context(|| format!("the plugin folder {} can't be read", folder.display()))?;
    let content = |plugin: &PluginRef| {
        let path = folder
            .join(plugin.tenant.as_str())
            .join(format!("{}.wasm", plugin.name));
        let content = files::read(path.parent()?, &path, settings.plugins.file_max).ok()?;
        Some(hookyard_plugin::revision_of(&content.bytes))
    };
    let there = Standing {
        has_file: true,
        ..Standing::default()
    };
    let count_max = settings.plugins.tenant_count_max;
    let within = within.into_iter().map(|(plugin, since)| {
        let standing = Standing {
            file: content(&plugin),
            file_since: Some(since),
            ..there.clone()
        };
        (plugin, standing)
    });
    let over = over.into_iter().map(|plugin| {
        (
            plugin,
            Standing {
                over: Some(count_max),
                ..there.clone()
            },
        )
    });
    Ok(within.chain(over).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::plugins) fn plugin() -> PluginRef {
        PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "books".parse().expect("a name"),
        }
    }

    pub(in crate::plugins) fn revision(number: u8) -> Revision {
        Revision::from_sha256([number; 32])
    }

    pub(in crate::plugins) fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_secs(1_780_400_200 + second)
    }

    pub(in crate::plugins) fn known(
        number: u8,
        step: Step,
        served_at: Option<i64>,
    ) -> RevisionRecord {
        let reason = (step == Step::Refused).then(|| "it is no component".to_owned());
        let served_at = served_at.map(at);
        RevisionRecord {
            plugin: plugin(),
            revision: revision(number),
            step,
            at: at(9),
            reason,
            served_at,
        }
    }

    /// Revision 2 serves, 1 served before, and the file holds 2.
    pub(in crate::plugins) fn serving() -> Standing {
        let revisions = vec![
            known(2, Step::Active, Some(5)),
            known(1, Step::Retired, Some(1)),
        ];
        Standing {
            file: Some(revision(2)),
            has_file: true,
            revisions,
            ..Standing::default()
        }
    }

    pub(in crate::plugins) fn block(number: u8) -> Block {
        Block {
            plugin: plugin(),
            revision: revision(number),
            reason: "worse".into(),
            since: at(7),
        }
    }

    fn pin(number: u8) -> Option<Order> {
        Some(Order {
            plugin: plugin(),
            revision: revision(number),
            is_pin: true,
            ordered_at: at(8),
        })
    }

    #[test]
    fn a_word_for_each_standing() {
        let check = |standing: Standing, state: &str, mismatch: Option<&str>| {
            assert_eq!(
                (standing.state(), standing.mismatch().as_deref()),
                (state, mismatch),
                "{standing:?}"
            );
        };
        let dropped = |step| Standing {
            file: Some(revision(3)),
            revisions: [serving().revisions, vec![known(3, step, None)]].concat(),
            ..serving()
        };
        let short = revision(3).short();
        check(serving(), "active", None);
        assert_eq!(serving().kept_out(), None);
        check(
            dropped(Step::Refused),
            "active",
            Some(&format!(
                "its file ({short}) is refused: it is no component"
            )),
        );
        let not_yet = |step: &str, at: Timestamp| {
            format!("its file ({short}) is not served yet: {step} since {at}")
        };
        check(
            dropped(Step::Compiled),
            "active",
            Some(&not_yet("compiled", at(9))),
        );
        check(
            dropped(Step::Compiling),
            "active",
            Some(&not_yet("compiling", at(9))),
        );
        let mut put_back = dropped(Step::Settled);
        put_back.revisions[2].reason = Some("no memory".to_owned());
        check(
            put_back,
            "active",
            Some(&format!("its file ({short}) is not served yet: no memory")),
        );
        let revisions = vec![known(3, Step::Queued, None)];
        let queued = Standing {
            file: Some(revision(3)),
            has_file: true,
            revisions,
            ..Standing::default()
        };
        check(queued, "queued", Some(&not_yet("queued", at(9))));
        let blocked = Standing {
            blocks: vec![block(3)],
            ..dropped(Step::Refused)
        };
        assert_eq!(blocked.kept_out(), Some(revision(3)));
        check(
            blocked,
            "active",
            Some(&format!("its file ({short}) is refused: worse")),
        );
        let pinned = Standing {
            order: pin(2),
            ..dropped(Step::Compiled)
        };
        assert_eq!(pinned.kept_out(), Some(revision(3)));
        check(
            pinned,
            "active",
            Some(&format!("its file ({short}) waits for `unpin`")),
        );
        let bad = Standing {
            order: pin(2),
            ..dropped(Step::Refused)
        };
        assert_eq!(bad.kept_out(), None, "it's no good anyway");
        check(
            bad,
            "active",
            Some(&format!(
                "its file ({short}) is refused: it is no component"
            )),
        );
        check(
            Standing {
                revisions: vec![known(1, Step::Retired, Some(1))],
                ..Standing::default()
            },
            "removed",
            None,
        );
        let over = Standing {
            over: Some(9),
            has_file: true,
            ..Standing::default()
        };
        let why =
            "its file is not loaded: the tenant may have 9 plugins (plugins.tenant_count_max)";
        check(over, "refused", Some(why));
        let revisions = vec![known(2, Step::Retired, Some(5))];
        check(
            Standing {
                over: Some(9),
                revisions,
                has_file: true,
                ..Standing::default()
            },
            "refused",
            Some(why),
        );
        check(
            Standing {
                over: Some(9),
                ..serving()
            },
            "active",
            Some(why),
        );
        let file_since = Some(at(1));
        let first = Standing {
            file: Some(revision(3)),
            has_file: true,
            file_since,
            ..Standing::default()
        };
        check(first, "seen", Some(&not_yet("seen", at(1))));
    }

    #[test]
    fn a_revision_is_named_by_its_first_digits() {
        let standing = serving();
        assert_eq!(standing.named("0101").ok(), Some(revision(1)));
        assert_eq!(
            standing.named(&revision(2).to_string()).ok(),
            Some(revision(2))
        );
        for (digits, expected) in [
            ("0", "2 revisions begin with 0"),
            ("ff", "no revision begins with ff"),
        ] {
            let error = standing.named(digits).expect_err("not one").to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn what_served_last_and_may_is_gone_back_to() {
        let back = |standing: Standing| standing.fallback().map(|known| known.revision);
        assert_eq!(back(serving()), Some(revision(1)));
        assert_eq!(
            back(Standing {
                blocks: vec![block(1)],
                ..serving()
            }),
            None
        );
        let revisions = [
            serving().revisions,
            vec![
                known(4, Step::Retired, Some(3)),
                known(5, Step::Refused, None),
            ],
        ];
        assert_eq!(
            back(Standing {
                revisions: revisions.concat(),
                ..serving()
            }),
            Some(revision(4))
        );
    }
}
