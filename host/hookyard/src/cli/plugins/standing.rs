//! The state of a plugin, as a command sees it: from the store and the plugin folder together.
//!
//! The release state is a [`Plugin`], read from the record. It is the type with which a running
//! host decides, so that `plugins rollback` goes where the host would go, and `plugins list` names
//! what the host waits for.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, anyhow};
use hookyard_config::Settings;
use hookyard_config::files;
use hookyard_model::{PluginRef, Revision, Step, Timestamp};
use hookyard_release::Present;
use hookyard_release::plugin::{Admission, Plugin};
use hookyard_store::{Quarantine, Releases, RevisionRecord, Routing};
use hookyard_store_sqlite::{OpenError, SqliteStore};

use crate::cli::shared::names;

/// The state of a plugin.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// The release state, with the revision of the file if the file can be read.
    pub(crate) plugin: Plugin,
    /// Whether the folder has a file of the plugin.
    pub(crate) has_file: bool,
    /// The time of the file's last change.
    pub(crate) file_since: Option<Timestamp>,
    /// The maximum number of the tenant's plugins, if the plugin's file is one too many.
    pub(crate) over: Option<usize>,
    /// The records of the plugin's revisions, the latest step first.
    pub(crate) revisions: Vec<RevisionRecord>,
    /// The quarantine that the plugin is in.
    pub(crate) quarantine: Option<Quarantine>,
}

impl Standing {
    /// Creates the state of a plugin that has neither a file nor a record.
    pub(crate) fn new(name: PluginRef) -> Self {
        Self {
            plugin: Plugin::new(name),
            has_file: false,
            file_since: None,
            over: None,
            revisions: Vec::new(),
            quarantine: None,
        }
    }

    /// Takes over the records of the plugin's revisions.
    pub(crate) fn with_records(self, revisions: Vec<RevisionRecord>) -> Self {
        let mut plugin = Plugin::recorded(self.plugin.name.clone(), &revisions);
        plugin.file = self.plugin.file;
        Self {
            plugin,
            revisions,
            ..self
        }
    }

    /// Returns the record of the active revision.
    pub(crate) fn active(&self) -> Option<&RevisionRecord> {
        self.record_of(self.plugin.active?)
    }

    /// Returns whether this revision is the active one.
    pub(crate) fn serves(&self, revision: Revision) -> bool {
        self.plugin.active == Some(revision)
    }

    /// Returns the record of a revision.
    pub(crate) fn record_of(&self, revision: Revision) -> Option<&RevisionRecord> {
        self.revisions
            .iter()
            .find(|record| record.revision == revision)
    }

    /// Returns the revision of the file, if it is not the active one.
    fn idle_file(&self) -> Option<Revision> {
        self.plugin.file.filter(|file| !self.serves(*file))
    }

    /// Returns the plugin's state in one word.
    pub(crate) fn state(&self) -> &'static str {
        let is_blocked = |file| self.plugin.block_of(file).is_some();
        if self.quarantine.is_some() {
            "quarantined"
        } else if self.plugin.active.is_some() {
            "active"
        } else if !self.has_file {
            "removed"
        } else if self.over.is_some() || self.plugin.file.is_some_and(is_blocked) {
            "refused"
        } else {
            self.progress().map_or(Step::Seen, |(step, _)| step).name()
        }
    }

    /// Returns the last step of the file's revision and its time, if that revision is not the
    /// active one.
    pub(crate) fn progress(&self) -> Option<(Step, Timestamp)> {
        let recorded = self.record_of(self.idle_file()?);
        let seen = self.file_since.map(|since| (Step::Seen, since));
        recorded.map(|record| (record.step, record.at)).or(seen)
    }

    /// Returns why the file's revision is not the active one; `None` if it is, or if there is no
    /// file.
    pub(crate) fn mismatch(&self) -> Option<String> {
        if let Some(count_max) = self.over {
            return Some(format!(
                "its file is not loaded: the tenant may have {count_max} plugins \
                 (plugins.tenant_count_max)"
            ));
        }

        let file = self.idle_file()?;
        let short = file.short();
        let recorded = self
            .record_of(file)
            .map(|record| (record.step, record.reason.as_deref()));
        Some(match (self.plugin.admit(file), recorded) {
            (Admission::Blocked(block), _) => {
                format!("its file ({short}) is refused: {}", block.reason)
            }
            (_, Some((Step::Refused, Some(reason)))) => {
                format!("its file ({short}) is refused: {reason}")
            }
            (Admission::Pinned(_), _) => format!("its file ({short}) waits for `unpin`"),
            (_, Some((Step::Settled, Some(reason)))) => {
                format!("its file ({short}) is not served yet: {reason}")
            }
            _ => match self.progress() {
                Some((step, since)) => {
                    format!("its file ({short}) is not served yet: {step} since {since}")
                }
                None => format!("its file ({short}) is not served yet"),
            },
        })
    }

    /// Returns the revision of the file, if only a block or a pin keeps it from service.
    pub(crate) fn kept_out(&self) -> Option<Revision> {
        let file = self.idle_file()?;
        let is_refused = || {
            self.record_of(file)
                .is_some_and(|record| record.step == Step::Refused)
        };

        let is_kept_out = match self.plugin.admit(file) {
            Admission::Blocked(_) => true,
            Admission::Pinned(_) => !is_refused(),
            Admission::Rehearse | Admission::Renew => false,
        };

        is_kept_out.then_some(file)
    }

    /// Returns the revision that begins with these digits.
    pub(crate) fn named(&self, digits: &str) -> anyhow::Result<Revision> {
        let recorded = self.revisions.iter().map(|record| record.revision);
        let matching: BTreeSet<_> = recorded
            .chain(self.plugin.file)
            .filter(|revision| revision.to_string().starts_with(digits))
            .collect();

        match matching.first() {
            None => Err(anyhow!(
                "no revision begins with {digits}; `hookyard plugins show` lists the revisions"
            )),
            Some(revision) if matching.len() == 1 => Ok(*revision),
            Some(_) => Err(anyhow!(
                "{} revisions begin with {digits}; give more digits",
                matching.len()
            )),
        }
    }
}

/// Reads the states of all plugins that have a file, a record or a quarantine.
pub(crate) async fn all(settings: &Settings) -> anyhow::Result<BTreeMap<PluginRef, Standing>> {
    let store = match SqliteStore::open_read_only(&settings.store.url) {
        // No host has run yet, so that the folder is all there is.
        Err(OpenError::Missing { .. }) => return in_folder(settings, BTreeSet::new()),
        opened => opened?,
    };
    let unread = "the store cannot be read";
    let records = store.revisions(None).await.context(unread)?;
    let mut all = in_folder(settings, hookyard_release::serving(&records))?;

    for records in records.chunk_by(|one, next| one.plugin == next.plugin) {
        let name = records[0].plugin.clone();
        let standing = all.remove(&name);
        let standing = standing.unwrap_or_else(|| Standing::new(name.clone()));
        all.insert(name, standing.with_records(records.to_vec()));
    }
    for order in store.orders().await.context(unread)? {
        let name = order.plugin.clone();
        standing_of(&mut all, &name).plugin.order = Some(order);
    }
    for block in store.blocks().await.context(unread)? {
        let name = block.plugin.clone();
        standing_of(&mut all, &name).plugin.blocks.push(block);
    }
    for quarantine in store.quarantined().await.context(unread)? {
        let name = quarantine.plugin.clone();
        standing_of(&mut all, &name).quarantine = Some(quarantine);
    }
    Ok(all)
}

fn standing_of<'a>(
    all: &'a mut BTreeMap<PluginRef, Standing>,
    name: &PluginRef,
) -> &'a mut Standing {
    all.entry(name.clone())
        .or_insert_with(|| Standing::new(name.clone()))
}

/// Reads the state of one plugin.
///
/// # Errors
///
/// Fails if nothing is known of the plugin. The error names plugins with similar names.
pub(super) async fn one(settings: &Settings, plugin: &PluginRef) -> anyhow::Result<Standing> {
    let mut all = all(settings).await?;
    if let Some(standing) = all.remove(plugin) {
        return Ok(standing);
    }

    let known = all.keys().map(|known| (&known.tenant, known.name.as_str()));
    names::check_name("plugin", Some(&plugin.tenant), plugin.name.as_str(), known)?;
    Ok(Standing::new(plugin.clone()))
}

/// Reads the states of the plugins in the folder, as far as the folder has them.
fn in_folder(
    settings: &Settings,
    serving: BTreeSet<PluginRef>,
) -> anyhow::Result<BTreeMap<PluginRef, Standing>> {
    let folder = &settings.plugins.folder;
    let Present { within, over } = hookyard_release::present(&settings.plugins, serving)
        .with_context(|| format!("the plugin folder {} cannot be read", folder.display()))?;

    let mut all = BTreeMap::new();
    for (name, since) in within {
        let mut standing = Standing::new(name.clone());
        standing.has_file = true;
        standing.file_since = Some(since);
        standing.plugin.file = revision_in_folder(settings, &name);
        all.insert(name, standing);
    }
    for name in over {
        let mut standing = Standing::new(name.clone());
        standing.has_file = true;
        standing.over = Some(settings.plugins.tenant_count_max);
        all.insert(name, standing);
    }
    Ok(all)
}

fn revision_in_folder(settings: &Settings, plugin: &PluginRef) -> Option<Revision> {
    let folder = settings.plugins.folder.join(plugin.tenant.as_str());
    let path = folder.join(format!("{}.wasm", plugin.name));
    let content = files::read(&folder, &path, settings.plugins.file_max).ok()?;
    Some(hookyard_plugin::revision_of(&content.bytes))
}

#[cfg(test)]
pub(super) mod tests {
    use hookyard_store::{Block, Order};

    use super::*;

    pub(in crate::cli::plugins) fn plugin() -> PluginRef {
        PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "books".parse().expect("a name"),
        }
    }

    pub(in crate::cli::plugins) fn revision(number: u8) -> Revision {
        Revision::from_sha256([number; 32])
    }

    pub(in crate::cli::plugins) fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_secs(1_780_400_200 + second)
    }

    pub(in crate::cli::plugins) fn known(
        number: u8,
        step: Step,
        served_at: Option<i64>,
    ) -> RevisionRecord {
        let reason = (step == Step::Refused).then(|| "it is not a component".to_owned());
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
    pub(in crate::cli::plugins) fn serving() -> Standing {
        let revisions = vec![
            known(2, Step::Active, Some(5)),
            known(1, Step::Retired, Some(1)),
        ];
        with_file(2).with_records(revisions)
    }

    /// A plugin whose file holds this revision, and that has no record.
    pub(in crate::cli::plugins) fn with_file(number: u8) -> Standing {
        let mut standing = Standing::new(plugin());
        standing.has_file = true;
        standing.plugin.file = Some(revision(number));
        standing
    }

    /// A plugin like `serving`, into whose place this file has been dropped.
    pub(in crate::cli::plugins) fn dropped(number: u8) -> Standing {
        let mut standing = serving();
        standing.plugin.file = Some(revision(number));
        standing
    }

    pub(in crate::cli::plugins) fn block(number: u8) -> Block {
        Block {
            plugin: plugin(),
            revision: revision(number),
            reason: "worse".into(),
            since: at(7),
            blocked_by: None,
        }
    }

    fn pin(number: u8) -> Option<Order> {
        Some(Order {
            plugin: plugin(),
            revision: revision(number),
            is_pin: true,
            ordered_at: at(8),
            ordered_by: None,
        })
    }

    #[test]
    fn state_and_mismatch_of_each_standing() {
        let check = |standing: &Standing, state: &str, mismatch: Option<&str>| {
            assert_eq!(
                (standing.state(), standing.mismatch().as_deref()),
                (state, mismatch),
                "{standing:?}"
            );
        };
        let short = revision(3).short();
        let refused = |reason: &str| format!("its file ({short}) is refused: {reason}");
        let not_yet = |step: &str, at: Timestamp| {
            format!("its file ({short}) is not served yet: {step} since {at}")
        };
        let at_step = |step| {
            let records = [serving().revisions, vec![known(3, step, None)]].concat();
            dropped(3).with_records(records)
        };

        check(&serving(), "active", None);
        assert_eq!(serving().kept_out(), None);
        let bad = refused("it is not a component");
        check(&at_step(Step::Refused), "active", Some(&bad));
        let compiled = not_yet("compiled", at(9));
        check(&at_step(Step::Compiled), "active", Some(&compiled));
        let compiling = not_yet("compiling", at(9));
        check(&at_step(Step::Compiling), "active", Some(&compiling));

        let mut put_back = at_step(Step::Settled);
        put_back.revisions[2].reason = Some("no memory".to_owned());
        let waits = format!("its file ({short}) is not served yet: no memory");
        check(&put_back, "active", Some(&waits));

        let queued = with_file(3).with_records(vec![known(3, Step::Queued, None)]);
        check(&queued, "queued", Some(&not_yet("queued", at(9))));
        let mut first = with_file(3);
        first.file_since = Some(at(1));
        check(&first, "seen", Some(&not_yet("seen", at(1))));

        let removed = Standing::new(plugin()).with_records(vec![known(1, Step::Retired, Some(1))]);
        check(&removed, "removed", None);
    }

    #[test]
    fn block_or_pin_keeps_the_file_out() {
        let short = revision(3).short();
        let at_step = |step| {
            let records = [serving().revisions, vec![known(3, step, None)]].concat();
            dropped(3).with_records(records)
        };

        let mut blocked = at_step(Step::Refused);
        blocked.plugin.blocks = vec![block(3)];
        assert_eq!(blocked.kept_out(), Some(revision(3)));
        let mismatch = format!("its file ({short}) is refused: worse");
        assert_eq!(blocked.mismatch(), Some(mismatch));

        let mut pinned = at_step(Step::Compiled);
        pinned.plugin.order = pin(2);
        assert_eq!(pinned.kept_out(), Some(revision(3)));
        let mismatch = format!("its file ({short}) waits for `unpin`");
        assert_eq!(pinned.mismatch(), Some(mismatch));

        let mut bad = at_step(Step::Refused);
        bad.plugin.order = pin(2);
        assert_eq!(
            bad.kept_out(),
            None,
            "the file could not serve without the pin"
        );
        let mismatch = format!("its file ({short}) is refused: it is not a component");
        assert_eq!(bad.mismatch(), Some(mismatch));
    }

    #[test]
    fn file_over_the_limit_is_refused() {
        let why =
            "its file is not loaded: the tenant may have 9 plugins (plugins.tenant_count_max)";
        let check = |mut standing: Standing, state: &str| {
            standing.over = Some(9);
            assert_eq!(standing.state(), state);
            assert_eq!(standing.mismatch().as_deref(), Some(why));
        };

        let mut unread = Standing::new(plugin());
        unread.has_file = true;
        check(unread.clone(), "refused");
        check(
            unread.with_records(vec![known(2, Step::Retired, Some(5))]),
            "refused",
        );
        check(serving(), "active");
    }

    #[test]
    fn revision_is_named_by_its_first_digits() {
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
    fn rollback_target_is_read_from_the_record() {
        let target = |standing: &Standing| standing.plugin.rollback_target(|_| true);
        assert_eq!(target(&serving()), Some(revision(1)));

        let mut blocked = serving();
        blocked.plugin.blocks = vec![block(1)];
        assert_eq!(target(&blocked), None);

        let more = vec![
            known(4, Step::Retired, Some(3)),
            known(5, Step::Refused, None),
        ];
        let more = serving().with_records([serving().revisions, more].concat());
        assert_eq!(target(&more), Some(revision(4)));
        let is_archived = |other| other != revision(4);
        assert_eq!(more.plugin.rollback_target(is_archived), Some(revision(1)));
    }
}
