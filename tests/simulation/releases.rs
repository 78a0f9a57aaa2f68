//! The release of one plugin under random inputs: files, operators, faults and crashes, in an order
//! that dice decide on.
//!
//! The decisions are the host's own [`step`]. This module plays the keeper: it carries the actions
//! out on a model of the folder, the archive and the store, and checks after each input what must
//! always hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use hookyard_config::files::Stamp;
use hookyard_config::settings::Windows;
use hookyard_model::{PluginRef, Revision, Step, Timestamp};
use hookyard_release::decide::{Action, Activation, Input, LoadedFile, Now, step};
use hookyard_release::plugin::Plugin;
use hookyard_release::{Failure, Files, Findings, Moment, Verdict};
use hookyard_store::{Block, Order, ReleaseStep, RevisionRecord};

use crate::dice::Dice;

/// The revisions that files can hold.
const REVISIONS: u64 = 5;
/// The number of things that happen in one life.
const EVENTS: u64 = 200;
/// The number of inputs after which a plugin must have come to rest, when nothing new happens.
const REST_MAX: usize = 200;

/// What happened in a life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) activations: u64,
    pub(crate) rollbacks: u64,
    pub(crate) refusals: u64,
    pub(crate) recalls: u64,
    pub(crate) removals: u64,
    pub(crate) crashes: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.activations += other.activations;
        self.rollbacks += other.rollbacks;
        self.refusals += other.refusals;
        self.recalls += other.recalls;
        self.removals += other.removals;
        self.crashes += other.crashes;
    }
}

/// Lives the life that a seed makes. A broken invariant is a panic.
pub(crate) fn live(seed: u64) -> Tally {
    let mut life = Life::new(seed);
    for _ in 0..EVENTS {
        life.happen();
    }
    life.come_to_rest();
    life.tally
}

/// What outlives a host.
#[derive(Default)]
struct Disk {
    /// The number of the file in the folder, and the revision that it holds.
    file: Option<(u64, Revision)>,
    archive: BTreeSet<Revision>,
    records: BTreeMap<Revision, RevisionRecord>,
    order: Option<Order>,
    blocks: Vec<Block>,
}

/// What a host has in memory, beside the state of the plugin.
#[derive(Default)]
struct Memory {
    /// The revision that dispatch would run.
    active: Option<Revision>,
    /// The revision before, if it is still loaded.
    warm: Option<Revision>,
    load: Option<Revision>,
    rehearsal: Option<Revision>,
    recall: Option<Revision>,
    is_pausing: bool,
    drains: Vec<Revision>,
}

struct Life {
    dice: Dice,
    plugin: Plugin,
    disk: Disk,
    memory: Memory,
    time: Duration,
    start: Instant,
    files: u64,
    tally: Tally,
}

impl Life {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            plugin: Plugin::new(name()),
            disk: Disk::default(),
            memory: Memory::default(),
            time: Duration::from_secs(1_000),
            start: Instant::now(),
            files: 0,
            tally: Tally::default(),
        }
    }

    fn happen(&mut self) {
        self.time += self.dice.millis(1_500);
        match self.dice.below(100) {
            0..30 => self.look(),
            30..60 => self.finish(true),
            60..70 => self.drop_file(),
            70..71 => self.disk.file = None,
            71..79 => self.fail_probation(),
            79..88 => self.give_order(),
            88..90 => self.feed(Input::SettingsChanged),
            90..93 => self.lose_component(),
            93..94 => self.restart(),
            _ => self.time += Duration::from_secs(10),
        }
    }

    /// Drops a good file without orders or blocks, and lets everything end well: the file must
    /// serve.
    fn come_to_rest(&mut self) {
        (self.disk.order, self.disk.blocks) = (None, Vec::new());
        self.follow_orders();
        self.drop_file();
        let (_, file) = self.disk.file.expect("dropped");

        for _ in 0..REST_MAX {
            self.time += Duration::from_secs(400);
            self.look();
            self.finish(false);
        }
        assert_eq!(self.memory.active, Some(file), "{:?}", self.plugin);
    }

    fn look(&mut self) {
        let files = self.disk.file.map(|(number, _)| files(number));
        self.feed(Input::Seen(files));
    }

    fn drop_file(&mut self) {
        self.files += 1;
        self.disk.file = Some((self.files, self.any_revision()));
    }

    fn lose_component(&mut self) {
        let lost = self.any_revision();
        self.disk.archive.remove(&lost);
    }

    fn any_revision(&self) -> Revision {
        Revision::from_sha256([self.dice.below(REVISIONS) as u8; 32])
    }

    fn fail_probation(&mut self) {
        if let Some(active) = self.memory.active {
            self.feed(Input::ProbationFailed(active, "it is worse".to_owned()));
        }
    }

    /// Does what one of the commands of `hookyard plugins` does.
    fn give_order(&mut self) {
        let ordered_at = self.now().time;
        let order = |revision, is_pin| {
            Some(Order {
                plugin: name(),
                revision,
                is_pin,
                ordered_at,
                ordered_by: None,
            })
        };

        match (self.dice.below(4), self.memory.active) {
            (0, Some(active)) => self.disk.order = order(active, true),
            (1, Some(active)) => {
                let archive = &self.disk.archive;
                let target = self
                    .plugin
                    .rollback_target(|other| archive.contains(&other));
                if let Some(target) = target.filter(|_| self.plugin.pin().is_none()) {
                    self.disk.order = order(target, false);
                    self.disk.blocks.push(block(active, ordered_at));
                }
            }
            (2, _) => self.disk.order = None,
            _ => self.disk.blocks.clear(),
        }

        self.follow_orders();
    }

    fn follow_orders(&mut self) {
        let (order, blocks) = (self.disk.order.clone(), self.disk.blocks.clone());
        self.feed(Input::Ordered(order, blocks));
    }

    /// Ends something that is under way.
    fn finish(&mut self, may_fail: bool) {
        let is_bad = may_fail && self.dice.percent(25);
        match self.dice.below(5) {
            0 => {
                if let Some(revision) = self.memory.load.take() {
                    self.feed(self.end_of_load(revision, is_bad));
                }
            }
            1 => {
                if let Some(revision) = self.memory.rehearsal.take() {
                    let verdict = if is_bad {
                        Verdict::Failed(findings())
                    } else {
                        Verdict::Passed(findings())
                    };
                    self.feed(Input::Rehearsed(revision, verdict));
                }
            }
            2 => {
                if let Some(revision) = self.memory.recall.take() {
                    let result = self.end_of_recall(revision, is_bad);
                    self.feed(Input::Recalled(revision, result));
                }
            }
            3 => {
                if std::mem::take(&mut self.memory.is_pausing) {
                    self.feed(Input::PauseEnded);
                }
            }
            _ => {
                if let Some(drained) = self.memory.drains.pop() {
                    self.feed(Input::Drained(drained));
                }
            }
        }
    }

    fn end_of_load(&self, revision: Revision, is_bad: bool) -> Input {
        if is_bad {
            let failure = match self.dice.below(4) {
                0 => Failure::Moved,
                1 => Failure::Unreadable("no access".to_owned()),
                2 => Failure::Uncompiled("no memory".to_owned()),
                _ => Failure::Refused("it is not a component".to_owned()),
            };
            return Input::LoadFailed(Some(revision), failure);
        }

        Input::Loaded(LoadedFile {
            revision,
            handlers: "untyped".to_owned(),
            is_rehearsed: self.dice.percent(80),
            has_new_fixtures: false,
        })
    }

    fn end_of_recall(&self, revision: Revision, is_bad: bool) -> Result<(), Failure> {
        if !self.disk.archive.contains(&revision) {
            return Err(Failure::Refused("it is not archived".to_owned()));
        }
        if is_bad {
            return Err(Failure::Uncompiled("no memory".to_owned()));
        }
        Ok(())
    }

    /// Ends the host, and starts the next one.
    fn restart(&mut self) {
        self.tally.crashes += 1;
        self.memory = Memory::default();
        self.plugin = Plugin::resumed(name(), self.disk.records.values());

        let is_draining = |record: &&RevisionRecord| record.step == Step::Draining;
        let draining: Vec<_> = self.disk.records.values().filter(is_draining).collect();
        let draining: Vec<_> = draining.iter().map(|record| record.revision).collect();
        for revision in draining {
            self.feed(Input::Drained(revision));
        }
        self.follow_orders();
        if self.disk.file.is_none() && self.dice.percent(50) {
            self.feed(Input::AbsentAtStart);
        }
    }

    fn now(&self) -> Now {
        Now {
            time: Timestamp::from_unix_secs(0).after(self.time),
            moment: Moment {
                instant: self.start + self.time,
                wall: SystemTime::UNIX_EPOCH + self.time,
            },
            windows: Windows {
                settle: Duration::from_secs(1),
                removal: Duration::from_secs(2),
            },
            revisions_kept: 2,
            archived: self.disk.archive.clone(),
            warm: self.memory.warm,
            attempts: 0,
        }
    }

    /// Makes a decision, carries it out, and checks what must hold.
    fn feed(&mut self, input: Input) {
        let at_hand = match &input {
            Input::Loaded(file) => Some(file.revision),
            Input::Rehearsed(revision, _) | Input::Recalled(revision, Ok(())) => Some(*revision),
            _ => None,
        };
        if let Input::Loaded(file) = &input {
            self.disk.archive.insert(file.revision);
        }
        let (before, now) = (self.memory.active, self.now());
        let plugin = std::mem::replace(&mut self.plugin, Plugin::new(name()));
        let (plugin, actions) = step(plugin, input.clone(), &now);
        self.plugin = plugin;

        for action in actions {
            self.perform(action, at_hand);
        }
        self.check(&input, before);
    }

    fn perform(&mut self, action: Action, at_hand: Option<Revision>) {
        match action {
            Action::Load(..) => {
                assert_eq!(self.memory.load, None, "one load at a time");
                self.memory.load = self.disk.file.map(|(_, revision)| revision);
            }
            Action::Rehearse(revision) => {
                assert_eq!(at_hand, Some(revision), "it has just been loaded");
                assert_eq!(self.memory.rehearsal, None, "one rehearsal at a time");
                self.memory.rehearsal = Some(revision);
            }
            Action::CancelRehearsal(revision) => {
                assert_eq!(self.memory.rehearsal.take(), Some(revision));
            }
            Action::Activate(activation) => self.activate(activation, at_hand),
            Action::Deactivate => {
                self.tally.removals += 1;
                (self.memory.active, self.memory.warm) = (None, None);
            }
            Action::Recall(revision) => {
                assert_eq!(self.memory.recall, None, "one recall at a time");
                assert!(!self.memory.is_pausing, "a pause is over before a recall");
                self.tally.recalls += 1;
                self.memory.recall = Some(revision);
            }
            Action::Pause(_) => self.memory.is_pausing = true,
            Action::AwaitDrain(revision) => self.memory.drains.push(revision),
            Action::Record(steps) => steps.iter().for_each(|step| self.record(step)),
            Action::StoreBlock(block) => self.disk.blocks.push(block),
            Action::WithdrawOrder => self.disk.order = None,
            Action::Announce
            | Action::CheckFixtures(_)
            | Action::RetryFailed(_)
            | Action::EndProbation
            | Action::Notify(_) => {}
        }
    }

    fn activate(&mut self, activation: Activation, at_hand: Option<Revision>) {
        let revision = activation.revision;
        self.tally.activations += 1;
        self.tally.rollbacks += u64::from(activation.rolled_back.is_some());
        assert!(
            at_hand == Some(revision) || self.memory.warm == Some(revision),
            "{revision:?} is not loaded"
        );
        // A blocked revision that has no successor goes on serving, and takes up changed settings.
        assert!(
            self.plugin.block_of(revision).is_none() || self.memory.active == Some(revision),
            "{revision:?} is blocked"
        );
        let replaced = activation.rolled_back;
        assert!(replaced.is_none_or(|replaced| self.plugin.block_of(replaced).is_some()));

        if self.memory.active != Some(revision) {
            self.memory.warm = self.memory.active.replace(revision);
        }
    }

    fn record(&mut self, stepped: &ReleaseStep) {
        let Some(revision) = stepped.revision else {
            return;
        };

        self.tally.refusals += u64::from(stepped.step == Step::Refused);
        let earlier = self.disk.records.get(&revision);
        let served_at = match stepped.step {
            Step::Active => Some(stepped.at),
            _ => earlier.and_then(|earlier| earlier.served_at),
        };

        let record = RevisionRecord {
            plugin: name(),
            revision,
            step: stepped.step,
            at: stepped.at,
            reason: stepped.reason.clone(),
            served_at,
        };

        self.disk.records.insert(revision, record);
    }

    fn check(&self, input: &Input, before: Option<Revision>) {
        let active = self.memory.active;
        assert_eq!(self.plugin.active, active, "the state is what serves");

        let is_active = |record: &&RevisionRecord| record.step == Step::Active;
        let recorded: Vec<_> = self.disk.records.values().filter(is_active).collect();
        assert!(
            recorded.len() <= 1,
            "two are active on record: {recorded:?}"
        );
        if let Some(active) = active {
            let revisions: Vec<_> = recorded.iter().map(|record| record.revision).collect();
            assert_eq!(revisions, [active], "the record is what serves");
        }

        let Some(before) = before else {
            return;
        };
        let is_free = self.plugin.block_of(before).is_none();
        let is_pinned = |pin: &Order| pin.revision == before;
        if is_free && self.plugin.pin().is_some_and(is_pinned) && active.is_some() {
            assert_eq!(active, Some(before), "a pinned revision stays: {input:?}");
        }
        if is_free && matches!(input, Input::LoadFailed(..)) && self.plugin.order.is_none() {
            assert_eq!(active, Some(before), "a failed load changes nothing");
        }
    }
}

fn name() -> PluginRef {
    PluginRef {
        tenant: "acme".parse().expect("a name"),
        name: "ship".parse().expect("a name"),
    }
}

fn files(number: u64) -> Files {
    let code = Stamp {
        device: 1,
        inode: number,
        bytes: 1,
        modified: 0,
        changed: i128::MAX,
    };

    Files {
        code,
        settings: None,
        fixtures: None,
    }
}

fn block(revision: Revision, since: Timestamp) -> Block {
    Block {
        plugin: name(),
        revision,
        reason: "rolled back by hand".to_owned(),
        since,
        blocked_by: None,
    }
}

fn findings() -> Findings {
    Findings {
        summary: "1 event".to_owned(),
        report: "1 event".to_owned(),
    }
}
