//! Sequences of inputs, each with the actions that must follow.

use std::time::{Duration, Instant, SystemTime};

use hookyard_config::files::Stamp;
use hookyard_store::RevisionRecord;

use super::*;
use crate::plugin::tests::{block, name, order, revision};
use crate::rehearsal::Findings;

/// A plugin that receives one input after the other.
struct Script {
    plugin: Plugin,
    now: Now,
}

impl Script {
    /// A plugin that has neither a file nor a record.
    fn new() -> Self {
        Self {
            plugin: Plugin::new(name()),
            now: Now {
                time: Timestamp::from_unix_secs(1_000),
                moment: Moment {
                    instant: Instant::now() + Duration::from_secs(3_600),
                    wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000),
                },
                windows: Windows {
                    settle: Duration::from_secs(1),
                    removal: Duration::from_secs(2),
                },
                revisions_kept: 3,
                archived: BTreeSet::new(),
                warm: None,
                attempts: 0,
            },
        }
    }

    /// A plugin whose first revision is active.
    fn serving() -> Self {
        let mut script = Self::new();
        script.drop_file(1);
        script.feed(loaded(1));
        script.feed(passed(1));
        assert_eq!(script.plugin.active, Some(revision(1)));
        script
    }

    /// A plugin whose second revision is active, and whose first one is archived.
    fn on_probation() -> Self {
        let mut script = Self::serving();
        script.drop_file(2);
        script.feed(loaded(2));
        script.feed(passed(2));
        assert_eq!(script.plugin.active, Some(revision(2)));
        script.archive(&[1, 2]);
        script
    }

    /// The plugin in a host that has just started, after one that had revision 2 active and
    /// revision 1 before.
    fn restarted() -> Self {
        let record = |number: u8, step, served_at| RevisionRecord {
            plugin: name(),
            revision: revision(number),
            step,
            at: Timestamp::from_unix_secs(served_at),
            reason: None,
            served_at: Some(Timestamp::from_unix_secs(served_at)),
        };

        let records = [record(2, Step::Active, 900), record(1, Step::Retired, 500)];
        let mut script = Self::new();
        script.plugin = Plugin::resumed(name(), &records);
        script.archive(&[1, 2]);
        script
    }

    fn archive(&mut self, numbers: &[u8]) {
        self.now.archived = numbers.iter().map(|number| revision(*number)).collect();
    }

    fn wait(&mut self, seconds: u64) {
        let pause = Duration::from_secs(seconds);
        self.now.time = self.now.time.after(pause);
        self.now.moment.instant += pause;
        self.now.moment.wall += pause;
    }

    fn feed(&mut self, input: Input) -> Vec<String> {
        let plugin = std::mem::replace(&mut self.plugin, Plugin::new(name()));
        let (plugin, actions) = step(plugin, input, &self.now);
        self.plugin = plugin;
        actions.iter().map(text).collect()
    }

    fn expect(&mut self, input: Input, expected: &[&str]) {
        assert_eq!(self.feed(input.clone()), expected, "{input:?}");
    }

    /// Drops a file, and waits until it has settled.
    fn drop_file(&mut self, number: u8) {
        self.wait(10);
        self.feed(seen(number));
        self.wait(10);
        let actions = self.feed(seen(number));
        assert!(actions.contains(&"load".to_owned()), "{actions:?}");
    }
}

fn seen(number: u8) -> Input {
    let code = Stamp {
        device: 1,
        inode: number.into(),
        bytes: 10,
        modified: i128::from(number),
        changed: i128::MAX,
    };

    Input::Seen(Some(Files {
        code,
        settings: None,
        fixtures: None,
    }))
}

fn loaded(number: u8) -> Input {
    Input::Loaded(LoadedFile {
        revision: revision(number),
        handlers: "untyped".to_owned(),
        is_rehearsed: true,
        has_new_fixtures: false,
    })
}

fn bad(number: u8) -> Input {
    let failure = Failure::Refused("it is not a component".to_owned());
    Input::LoadFailed(Some(revision(number)), failure)
}

fn findings() -> Findings {
    Findings {
        summary: "1 fixture".to_owned(),
        report: "1 fixture".to_owned(),
    }
}

fn passed(number: u8) -> Input {
    Input::Rehearsed(revision(number), Verdict::Passed(findings()))
}

fn recalled(number: u8) -> Input {
    Input::Recalled(revision(number), Ok(()))
}

fn failed_probation(number: u8) -> Input {
    Input::ProbationFailed(revision(number), "it is worse".to_owned())
}

fn number(revision: Revision) -> u8 {
    (0..=u8::MAX)
        .find(|number| self::revision(*number) == revision)
        .expect("a revision of these tests")
}

/// Returns an action in a few words.
fn text(action: &Action) -> String {
    match action {
        Action::Announce => "announce".to_owned(),
        Action::Load(..) => "load".to_owned(),
        Action::Rehearse(of) => format!("rehearse {}", number(*of)),
        Action::CancelRehearsal(of) => format!("cancel rehearsal {}", number(*of)),
        Action::CheckFixtures(of) => format!("check fixtures {}", number(*of)),
        Action::Activate(activation) => {
            let mut text = format!("activate {}", number(activation.revision));
            if activation.probation_since.is_some() {
                text.push_str(" on probation");
            }
            if let Some(rolled_back) = activation.rolled_back {
                text.push_str(&format!(" instead of {}", number(rolled_back)));
            }
            text
        }
        Action::Deactivate => "deactivate".to_owned(),
        Action::Recall(of) => format!("recall {}", number(*of)),
        Action::Pause(pause) => format!("pause {}", pause.as_secs()),
        Action::AwaitDrain(of) => format!("await drain {}", number(*of)),
        Action::Record(steps) => {
            let steps = steps.iter().map(|stepped| match stepped.revision {
                Some(of) => format!(" {} {}", number(of), stepped.step),
                None => format!(" {}", stepped.step),
            });
            format!("record{}", steps.collect::<Vec<_>>().join(","))
        }
        Action::StoreBlock(block) => format!("store block {}", number(block.revision)),
        Action::WithdrawOrder => "withdraw order".to_owned(),
        Action::RetryFailed(of) => {
            let of = of.iter().map(|of| number(*of).to_string());
            format!("retry failed {}", of.collect::<Vec<_>>().join(" "))
        }
        Action::EndProbation => "end probation".to_owned(),
        Action::Notify(notice) => match notice {
            Notice::Refused { .. } => "refused".to_owned(),
            Notice::Pinned { waiting, .. } => format!("waits {}", number(*waiting)),
            Notice::RehearsalCancelled(of) => format!("rehearsal cancelled {}", number(*of)),
            Notice::RolledBack { revision, .. } => format!("rolled back {}", number(*revision)),
            Notice::BroughtBack { revision, .. } => format!("brought back {}", number(*revision)),
            Notice::Lost { revision, .. } => format!("lost {}", number(*revision)),
            Notice::RecallDelayed { revision, .. } => format!("delayed {}", number(*revision)),
        },
    }
}

#[test]
fn good_file_is_loaded_rehearsed_and_activated() {
    let mut script = Script::new();
    script.expect(seen(1), &["announce"]);
    script.expect(seen(1), &[]);
    script.wait(1);
    script.expect(seen(1), &["load"]);

    let compiling = |step| Input::Compiling(revision(1), step);
    script.expect(
        compiling(Step::Queued),
        &["record seen, 1 settled, 1 queued"],
    );
    script.expect(compiling(Step::Compiling), &["record 1 compiling"]);
    script.expect(loaded(1), &["record 1 checked, 1 compiled", "rehearse 1"]);
    script.expect(
        passed(1),
        &["record 1 rehearsed", "activate 1", "record 1 active"],
    );
    script.expect(seen(1), &[]);
}

#[test]
fn second_revision_is_on_probation_and_the_first_drains() {
    let mut script = Script::serving();
    script.drop_file(2);
    script.expect(
        loaded(2),
        &[
            "record seen, 2 settled, 2 checked, 2 compiled",
            "rehearse 2",
        ],
    );

    script.expect(
        passed(2),
        &[
            "record 2 rehearsed",
            "activate 2 on probation",
            "await drain 1",
            "record 1 draining, 2 active",
        ],
    );

    script.expect(Input::Drained(revision(1)), &["record 1 retired"]);
    script.expect(Input::Drained(revision(1)), &[]);
}

#[test]
fn bad_file_is_refused_once_and_the_active_revision_stays() {
    let mut script = Script::serving();
    script.drop_file(2);
    script.expect(bad(2), &["record seen, 2 settled, 2 refused", "refused"]);
    assert_eq!(script.plugin.active, Some(revision(1)));

    script.drop_file(3);
    script.expect(bad(3), &[]);
    assert_eq!(script.plugin.active, Some(revision(1)));
}

#[test]
fn bad_settings_leave_the_recorded_step_of_the_active_revision() {
    let mut script = Script::serving();
    script.drop_file(2);
    script.expect(bad(1), &["record seen, settled, refused", "refused"]);
    assert!(script.plugin.is_at(revision(1), Step::Active));
}

#[test]
fn file_replaced_during_its_rehearsal_cancels_the_rehearsal() {
    let mut script = Script::serving();
    script.drop_file(2);
    script.feed(loaded(2));
    script.wait(10);
    script.expect(seen(3), &["announce"]);
    script.wait(10);
    script.expect(
        seen(3),
        &["cancel rehearsal 2", "rehearsal cancelled 2", "load"],
    );

    script.expect(
        loaded(3),
        &[
            "record seen, 3 settled, 3 checked, 3 compiled",
            "rehearse 3",
        ],
    );
}

#[test]
fn file_replaced_during_its_load_is_loaded_afterwards() {
    let mut script = Script::serving();
    script.drop_file(2);
    script.expect(seen(3), &["announce"]);
    script.wait(10);
    script.expect(seen(3), &[]);
    script.feed(Input::LoadFailed(None, Failure::Moved));
    script.wait(10);
    script.expect(seen(3), &["load"]);
    assert_eq!(script.plugin.active, Some(revision(1)));
}

#[test]
fn failed_rehearsal_refuses_the_file() {
    let mut script = Script::serving();
    script.drop_file(2);
    script.feed(loaded(2));
    script.expect(
        Input::Rehearsed(revision(2), Verdict::Failed(findings())),
        &["record 2 refused", "refused"],
    );
    assert_eq!(script.plugin.active, Some(revision(1)));
}

#[test]
fn uncompiled_file_is_loaded_again_after_growing_pauses() {
    let mut script = Script::serving();
    script.drop_file(2);
    let uncompiled = || {
        let failure = Failure::Uncompiled("no memory".to_owned());
        Input::LoadFailed(Some(revision(2)), failure)
    };

    script.expect(
        uncompiled(),
        &[
            "record 2 settled",
            "record seen, settled, refused",
            "refused",
        ],
    );

    script.wait(5);
    script.expect(seen(2), &[]);
    script.wait(1);
    script.expect(seen(2), &["load"]);
    script.expect(uncompiled(), &["record 2 settled"]);
    script.wait(10);
    script.expect(seen(2), &[]);
    script.wait(1);
    script.expect(seen(2), &["load"]);
}

#[test]
fn failed_probation_brings_the_warm_revision_back_at_once() {
    let mut script = Script::on_probation();
    script.now.warm = Some(revision(1));
    script.expect(
        failed_probation(2),
        &[
            "rolled back 2",
            "activate 1 instead of 2",
            "record 2 blocked, 1 active",
            "retry failed 2",
            "recall 1",
            "store block 2",
        ],
    );

    script.expect(failed_probation(2), &[]);
    script.expect(recalled(1), &["activate 1", "retry failed 2"]);
}

#[test]
fn failed_probation_recalls_an_archived_revision() {
    let mut script = Script::on_probation();
    script.expect(
        failed_probation(2),
        &["rolled back 2", "recall 1", "store block 2"],
    );

    assert_eq!(script.plugin.active, Some(revision(2)));
    script.expect(
        recalled(1),
        &[
            "brought back 1",
            "activate 1 instead of 2",
            "record 2 blocked, 1 active",
            "retry failed 2",
        ],
    );
}

#[test]
fn rollback_skips_a_revision_that_is_not_in_the_archive() {
    let mut script = Script::on_probation();
    script.drop_file(3);
    script.feed(loaded(3));
    script.feed(passed(3));
    script.archive(&[1, 3]);
    script.expect(
        failed_probation(3),
        &["rolled back 3", "recall 1", "store block 3"],
    );
}

#[test]
fn failed_probation_without_a_target_ends_the_probation() {
    let mut script = Script::on_probation();
    script.archive(&[2]);
    script.expect(failed_probation(2), &["end probation"]);
    assert_eq!(script.plugin.active, Some(revision(2)));
    assert_eq!(script.plugin.blocks, []);
}

#[test]
fn lost_component_sends_the_rollback_to_the_next_older_revision() {
    let mut script = Script::on_probation();
    script.drop_file(3);
    script.feed(loaded(3));
    script.feed(passed(3));
    script.feed(Input::Drained(revision(2)));
    script.archive(&[1, 2, 3]);
    script.feed(failed_probation(3));

    let damaged = Failure::Refused("it is damaged".to_owned());
    script.expect(
        Input::Recalled(revision(2), Err(damaged)),
        &["lost 2", "record 2 refused", "recall 1"],
    );
    script.feed(recalled(1));
    assert_eq!(script.plugin.active, Some(revision(1)));
}

#[test]
fn uncompiled_archived_revision_is_recalled_after_a_pause() {
    let mut script = Script::on_probation();
    script.feed(failed_probation(2));
    let uncompiled = || Err(Failure::Uncompiled("no memory".to_owned()));
    script.expect(
        Input::Recalled(revision(1), uncompiled()),
        &["delayed 1", "pause 5"],
    );

    script.expect(Input::PauseEnded, &["recall 1"]);
    script.expect(
        Input::Recalled(revision(1), uncompiled()),
        &["delayed 1", "pause 10"],
    );
}

#[test]
fn pinned_plugin_keeps_its_revision_and_the_file_waits() {
    let mut script = Script::serving();
    script.expect(
        Input::Ordered(order(1, true), Vec::new()),
        &["end probation"],
    );
    script.drop_file(2);
    script.expect(
        loaded(2),
        &[
            "record seen, 2 settled, 2 checked, 2 compiled",
            "waits 2",
            "recall 1",
        ],
    );
    script.expect(recalled(1), &["activate 1"]);

    script.expect(Input::Ordered(None, Vec::new()), &[]);
    script.wait(10);
    script.expect(seen(2), &["load"]);
    script.expect(
        loaded(2),
        &[
            "record seen, 2 settled, 2 checked, 2 compiled",
            "rehearse 2",
        ],
    );
}

#[test]
fn pin_during_a_rehearsal_keeps_the_revision_out() {
    let mut script = Script::serving();
    script.drop_file(2);
    script.feed(loaded(2));
    script.feed(Input::Ordered(order(1, true), Vec::new()));
    script.expect(passed(2), &["record 2 rehearsed", "waits 2", "recall 1"]);
    assert_eq!(script.plugin.active, Some(revision(1)));
}

#[test]
fn ordered_rollback_blocks_the_active_revision() {
    let mut script = Script::on_probation();
    script.expect(
        Input::Ordered(order(1, false), vec![block(2)]),
        &["recall 1"],
    );
    script.expect(
        recalled(1),
        &[
            "brought back 1",
            "activate 1 instead of 2",
            "record 2 blocked, 1 active",
            "withdraw order",
            "retry failed 2",
        ],
    );

    // The block is cleared: the file holds revision 2, and is released once more.
    script.expect(Input::Ordered(None, Vec::new()), &[]);
    script.wait(10);
    script.expect(seen(2), &["load"]);
}

#[test]
fn blocked_file_is_refused_until_the_block_is_cleared() {
    let mut script = Script::serving();
    script.feed(Input::Ordered(None, vec![block(2)]));
    script.drop_file(2);
    script.expect(
        loaded(2),
        &[
            "record seen, 2 settled, 2 checked, 2 compiled",
            "record 2 refused",
            "refused",
            "recall 1",
        ],
    );
    assert_eq!(script.plugin.active, Some(revision(1)));

    script.feed(Input::Ordered(None, Vec::new()));
    script.wait(10);
    script.expect(seen(2), &["load"]);
}

#[test]
fn order_for_a_missing_component_is_refused_and_withdrawn() {
    let mut script = Script::on_probation();
    script.archive(&[2]);
    script.expect(Input::Ordered(order(1, false), Vec::new()), &["recall 1"]);
    script.expect(
        Input::Recalled(revision(1), Err(Failure::Refused("it is gone".to_owned()))),
        &[
            "lost 1",
            "record 1 refused",
            "withdraw order",
            "end probation",
        ],
    );

    assert_eq!(script.plugin.active, Some(revision(2)));
}

#[test]
fn restart_with_the_same_file_renews_and_continues_the_probation() {
    let mut script = Script::restarted();
    script.drop_file(2);
    script.expect(loaded(2), &["activate 2 on probation"]);
    assert!(script.plugin.is_at(revision(2), Step::Active));
}

#[test]
fn restart_with_a_new_file_serves_the_last_revision_meanwhile() {
    let mut script = Script::restarted();
    script.drop_file(3);
    script.expect(
        loaded(3),
        &[
            "record seen, 3 settled, 3 checked, 3 compiled",
            "recall 2",
            "rehearse 3",
        ],
    );

    script.expect(recalled(2), &["brought back 2", "activate 2"]);
    script.expect(
        passed(3),
        &[
            "record 3 rehearsed",
            "activate 3 on probation",
            "await drain 2",
            "record 2 draining, 3 active",
        ],
    );
}

#[test]
fn restart_with_a_bad_file_brings_the_last_revision_back() {
    let mut script = Script::restarted();
    script.drop_file(3);
    script.expect(
        bad(3),
        &["record seen, 3 settled, 3 refused", "refused", "recall 2"],
    );
    script.expect(recalled(2), &["brought back 2", "activate 2"]);
}

#[test]
fn restart_without_the_last_component_brings_an_older_revision_back() {
    let mut script = Script::restarted();
    script.archive(&[1]);
    script.drop_file(3);
    script.expect(
        bad(3),
        &[
            "record seen, 3 settled, 3 refused",
            "refused",
            "lost 2",
            "record 2 refused",
            "recall 1",
        ],
    );

    script.expect(
        recalled(1),
        &["brought back 1", "activate 1", "record 1 active"],
    );
}

#[test]
fn restart_without_any_component_leaves_nothing_active_on_record() {
    let mut script = Script::restarted();
    script.archive(&[]);
    script.drop_file(3);
    script.expect(
        bad(3),
        &[
            "record seen, 3 settled, 3 refused",
            "refused",
            "lost 2",
            "record 2 refused",
            "end probation",
            "lost 1",
            "record 1 refused",
            "end probation",
        ],
    );

    assert!(script.plugin.steps.is_empty());
}

#[test]
fn file_removed_while_no_host_ran_retires_its_revision() {
    let mut script = Script::restarted();
    script.expect(Input::AbsentAtStart, &["record 2 draining, 2 retired"]);
    assert!(script.plugin.is_blank(), "{:?}", script.plugin);
}

#[test]
fn plugin_over_the_limit_is_retired() {
    let mut script = Script::restarted();
    script.expect(Input::OverLimit(1), &["record 2 draining, 2 retired"]);
    script.expect(Input::OverLimit(1), &[]);
    assert_eq!(Script::serving().feed(Input::OverLimit(1)), [""; 0]);
}

#[test]
fn removed_file_takes_the_plugin_out_of_service() {
    let mut script = Script::on_probation();
    script.wait(10);
    script.expect(Input::Seen(None), &[]);
    script.wait(2);
    script.expect(
        Input::Seen(None),
        &["deactivate", "await drain 2", "record 2 draining"],
    );
    assert_eq!(script.plugin.active, None);

    script.feed(Input::Drained(revision(1)));
    script.expect(Input::Drained(revision(2)), &["record 2 retired"]);
    assert!(script.plugin.is_blank(), "{:?}", script.plugin);
}

#[test]
fn recall_that_ends_after_the_removal_changes_nothing() {
    let mut script = Script::on_probation();
    script.feed(failed_probation(2));
    script.feed(Input::Ordered(None, Vec::new()));
    script.wait(10);
    script.feed(Input::Seen(None));
    script.wait(2);
    script.feed(Input::Seen(None));
    script.expect(recalled(1), &[]);
    assert_eq!(script.plugin.active, None);
}

#[test]
fn changed_settings_load_the_file_again_and_renew() {
    let mut script = Script::serving();
    script.expect(Input::SettingsChanged, &[]);
    script.expect(seen(1), &["load"]);
    script.expect(loaded(1), &["activate 1"]);
}

#[test]
fn changed_fixtures_of_the_active_revision_are_checked() {
    let mut script = Script::serving();
    script.feed(Input::SettingsChanged);
    script.feed(seen(1));
    let Input::Loaded(file) = loaded(1) else {
        unreachable!("`loaded` returns this input")
    };

    let file = LoadedFile {
        has_new_fixtures: true,
        ..file
    };

    script.expect(Input::Loaded(file), &["check fixtures 1", "activate 1"]);
}

#[test]
fn ordered_revision_is_faster_than_the_load_of_the_same_file() {
    let mut script = Script::on_probation();
    script.drop_file(1);
    script.feed(Input::Drained(revision(1)));
    script.feed(Input::Compiling(revision(1), Step::Compiling));
    script.expect(Input::Ordered(order(1, false), Vec::new()), &["recall 1"]);
    script.expect(
        recalled(1),
        &[
            "brought back 1",
            "activate 1",
            "await drain 2",
            "record 2 draining, 1 active",
            "withdraw order",
        ],
    );

    script.expect(loaded(1), &["activate 1"]);
}
