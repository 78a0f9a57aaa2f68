//! Decides what a plugin is to run: its file's content, a revision that served before, or what the operator named.
//!
//! ```text
//! file can be run --admit--> Rehearse (and then active) | Renew | Pinned | Blocked
//! file is out, an order came, a revision failed --call_for--> a revision to bring back, or none
//! ```
//!
//! No clock, store or folder: whoever keeps the plugins tells what has happened and does what is decided. What the
//! operator named counts before what was dropped; what is blocked counts for nothing.

use hookyard_model::{Revision, Timestamp};
use hookyard_store::REVISIONS_MAX;
use hookyard_store::{Block, Order};

/// One plugin, as far as releases go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// What is given events now.
    pub(super) active: Option<Revision>,
    /// What was, when the host before this one ended; none once it's clear what is now.
    pub(super) last: Option<Revision>,
    /// Since when it was.
    pub(super) last_since: Option<Timestamp>,
    /// What has been, the latest first. The active one may be among them.
    pub(super) served: Vec<Revision>,
    /// What the file in the folder holds, where it can be run.
    pub(super) file: Option<Revision>,
    /// Whether the file in the folder has been dealt with and isn't what is active.
    pub(super) is_file_out: bool,
    /// What the operator wants.
    pub(super) order: Option<Order>,
    /// What must not be run.
    pub(super) blocks: Vec<Block>,
}

/// What becomes of a file's content that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may become active once it has been rehearsed.
    Rehearse,
    /// It is active, perhaps under other settings now.
    Renew,
    /// The operator wants this other revision.
    Pinned(Revision),
    /// It's refused, for a reason.
    Blocked(Block),
}

impl Course {
    /// Whether what the file holds may serve.
    pub(super) fn admit(&self, file: Revision) -> Admission {
        if let Some(block) = self.block_of(file) {
            return Admission::Blocked(block.clone());
        }
        match self
            .wanted()
            .filter(|order| order.is_pin && order.revision != file)
        {
            Some(order) => Admission::Pinned(order.revision),
            None if self.active.or(self.last) == Some(file) => Admission::Renew,
            None => Admission::Rehearse,
        }
    }

    /// The revision that is to be brought into service in another way than by its file.
    pub(super) fn call_for(&self) -> Option<Revision> {
        let wanted = self.wanted().map(|order| order.revision);
        let called = match self.active {
            Some(active) if self.block_of(active).is_some() => wanted.or_else(|| self.fallback()),
            Some(_) => wanted,
            // The host has just started. What was removed meanwhile, or never served, doesn't come back by itself.
            None if self.is_file_out => wanted.or_else(|| self.last.and_then(|_| self.fallback())),
            None => None,
        };
        called.filter(|called| self.active != Some(*called))
    }

    /// The revision that served last before the active one, and may serve again.
    pub(super) fn fallback(&self) -> Option<Revision> {
        let mut served = self.served.iter().copied();
        served.find(|revision| Some(*revision) != self.active && self.block_of(*revision).is_none())
    }

    /// The revisions whose components must be kept: so many that served last, and the one that is wanted.
    pub(super) fn needed(&self, count: usize) -> Vec<Revision> {
        let ordered = self.order.iter().map(|order| order.revision);
        ordered
            .chain(self.served.iter().take(count).copied())
            .collect()
    }

    /// The revisions that run, may come back, or wait: their compiled code is in use.
    pub(super) fn in_use(&self, count: usize) -> impl Iterator<Item = Revision> {
        [self.active, self.last, self.file]
            .into_iter()
            .flatten()
            .chain(self.needed(count))
    }

    /// Whether the file in the folder, which is out, would be admitted now.
    pub(super) fn may_take_file(&self) -> bool {
        let admits = |file| matches!(self.admit(file), Admission::Rehearse);
        self.is_file_out && self.file.is_some_and(admits)
    }

    /// From when on a revision is watched that becomes active now: there must be one to go back to, and nobody who wants
    /// just this one. A restart goes on with the watch.
    pub(super) fn watched_since(&self, revision: Revision, now: Timestamp) -> Option<Timestamp> {
        let is_ordered = self
            .order
            .as_ref()
            .is_some_and(|order| order.revision == revision);
        let is_new = self.file == Some(revision) && self.active != Some(revision);
        let next = Self {
            active: Some(revision),
            ..self.clone()
        };
        let since = if self.last == Some(revision) {
            self.last_since.unwrap_or(now)
        } else {
            now
        };
        (is_new && !is_ordered && next.fallback().is_some()).then_some(since)
    }

    /// Takes down that a revision is active.
    pub(super) fn activated(&mut self, revision: Revision) {
        self.active = Some(revision);
        self.last = None;
        self.served.retain(|other| *other != revision);
        self.served.insert(0, revision);
        self.served.truncate(REVISIONS_MAX);
        self.is_file_out = self.file != Some(revision);
        self.order
            .take_if(|order| !order.is_pin && order.revision == revision);
    }

    /// Takes down that its file is gone. What served may be named by the operator still.
    pub(super) fn removed(&mut self) {
        (self.active, self.last, self.file, self.is_file_out) = (None, None, None, false);
    }

    /// Takes down that a revision can't be had any more.
    pub(super) fn lost(&mut self, revision: Revision) {
        self.served.retain(|other| *other != revision);
        self.order.take_if(|order| order.revision == revision);
    }

    pub(super) fn block_of(&self, revision: Revision) -> Option<&Block> {
        self.blocks.iter().find(|block| block.revision == revision)
    }

    /// What the operator wants and may have.
    fn wanted(&self) -> Option<&Order> {
        self.order
            .as_ref()
            .filter(|order| self.block_of(order.revision).is_none())
    }
}

#[cfg(test)]
mod tests {
    use hookyard_model::PluginRef;

    use super::*;

    fn revision(number: u8) -> Revision {
        Revision::from_sha256([number; 32])
    }

    fn plugin() -> PluginRef {
        PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "books".parse().expect("a name"),
        }
    }

    fn block(number: u8) -> Block {
        let since = Timestamp::from_unix_secs(1);
        Block {
            plugin: plugin(),
            revision: revision(number),
            reason: "worse".into(),
            since,
        }
    }

    /// One whose first revision served, whose second does.
    fn serving() -> Course {
        let served = vec![revision(2), revision(1)];
        Course {
            active: Some(revision(2)),
            served,
            file: Some(revision(2)),
            ..Course::default()
        }
    }

    fn pin(number: u8, is_pin: bool) -> Option<Order> {
        Some(Order {
            plugin: plugin(),
            revision: revision(number),
            is_pin,
            ordered_at: Timestamp::from_unix_secs(1),
        })
    }

    #[test]
    fn a_file_is_admitted_unless_somebody_has_said_otherwise() {
        let check = |course: Course, file: u8, expected: Admission| {
            assert_eq!(
                course.admit(revision(file)),
                expected,
                "{course:?} and {file}"
            );
        };
        check(Course::default(), 1, Admission::Rehearse);
        check(serving(), 3, Admission::Rehearse);
        check(serving(), 2, Admission::Renew);
        check(
            Course {
                active: None,
                last: Some(revision(2)),
                ..serving()
            },
            2,
            Admission::Renew,
        );
        check(
            Course {
                blocks: vec![block(3)],
                ..serving()
            },
            3,
            Admission::Blocked(block(3)),
        );
        check(
            Course {
                blocks: vec![block(2)],
                ..serving()
            },
            2,
            Admission::Blocked(block(2)),
        );
        check(
            Course {
                blocks: vec![block(1)],
                ..serving()
            },
            3,
            Admission::Rehearse,
        );
        check(
            Course {
                order: pin(2, true),
                ..serving()
            },
            3,
            Admission::Pinned(revision(2)),
        );
        check(
            Course {
                order: pin(2, true),
                ..serving()
            },
            2,
            Admission::Renew,
        );
        check(
            Course {
                order: pin(3, true),
                ..serving()
            },
            3,
            Admission::Rehearse,
        );
        check(
            Course {
                order: pin(1, false),
                ..serving()
            },
            3,
            Admission::Rehearse,
        );
        check(
            Course {
                order: pin(1, true),
                blocks: vec![block(3)],
                ..serving()
            },
            3,
            Admission::Blocked(block(3)),
        );
        check(
            Course {
                order: pin(1, true),
                blocks: vec![block(1)],
                ..serving()
            },
            3,
            Admission::Rehearse,
        );
    }

    #[test]
    fn operators_order_comes_before_the_last_good_revision() {
        let check = |course: Course, expected: Option<u8>| {
            assert_eq!(course.call_for(), expected.map(revision), "{course:?}");
        };
        check(serving(), None);
        check(
            Course {
                blocks: vec![block(2)],
                ..serving()
            },
            Some(1),
        );
        check(
            Course {
                blocks: vec![block(2), block(1)],
                ..serving()
            },
            None,
        );
        check(
            Course {
                blocks: vec![block(2)],
                served: vec![revision(2)],
                ..serving()
            },
            None,
        );
        check(
            Course {
                blocks: vec![block(1)],
                ..serving()
            },
            None,
        );
        for is_pin in [true, false] {
            check(
                Course {
                    order: pin(1, is_pin),
                    ..serving()
                },
                Some(1),
            );
            check(
                Course {
                    order: pin(2, is_pin),
                    ..serving()
                },
                None,
            );
            check(
                Course {
                    order: pin(1, is_pin),
                    blocks: vec![block(1)],
                    ..serving()
                },
                None,
            );
            check(
                Course {
                    order: pin(7, is_pin),
                    blocks: vec![block(2)],
                    ..serving()
                },
                Some(7),
            );
        }
        // After a restart.
        let starting = Course {
            active: None,
            last: Some(revision(2)),
            ..serving()
        };
        check(starting.clone(), None);
        check(
            Course {
                is_file_out: true,
                ..starting.clone()
            },
            Some(2),
        );
        check(
            Course {
                is_file_out: true,
                blocks: vec![block(2)],
                ..starting.clone()
            },
            Some(1),
        );
        check(
            Course {
                is_file_out: true,
                order: pin(1, true),
                ..starting
            },
            Some(1),
        );
        check(
            Course {
                is_file_out: true,
                ..Course::default()
            },
            None,
        );
        // Removed, and then dropped in again, but bad.
        let mut removed = serving();
        removed.removed();
        check(
            Course {
                is_file_out: true,
                ..removed
            },
            None,
        );
    }

    #[test]
    fn a_file_that_was_out_is_taken_once_nothing_is_against_it() {
        let out = Course {
            is_file_out: true,
            file: Some(revision(3)),
            ..serving()
        };
        assert!(out.may_take_file());
        assert!(
            !Course {
                blocks: vec![block(3)],
                ..out.clone()
            }
            .may_take_file()
        );
        assert!(
            !Course {
                order: pin(2, true),
                ..out.clone()
            }
            .may_take_file()
        );
        assert!(
            !Course {
                file: None,
                ..out.clone()
            }
            .may_take_file(),
            "it is no good anyway"
        );
        assert!(!serving().may_take_file());
    }

    #[test]
    fn active_revision_fulfils_a_passing_order() {
        let mut course = Course {
            order: pin(1, false),
            ..serving()
        };
        course.activated(revision(1));
        let expected = vec![revision(1), revision(2)];
        assert_eq!(
            (course.active, &course.served, &course.order),
            (Some(revision(1)), &expected, &None)
        );
        assert!(course.is_file_out, "the file holds another one");
        course.activated(revision(2));
        assert!(!course.is_file_out);
        let mut pinned = Course {
            order: pin(1, true),
            ..serving()
        };
        pinned.activated(revision(1));
        assert_eq!(pinned.order, pin(1, true));
    }

    #[test]
    fn what_is_new_is_watched_where_there_is_one_to_go_back_to() {
        let now = Timestamp::from_unix_secs(100);
        let check = |course: Course, revision_: u8, expected: Option<i64>| {
            let since = course.watched_since(revision(revision_), now);
            assert_eq!(
                since,
                expected.map(Timestamp::from_unix_secs),
                "{course:?} and {revision_}"
            );
        };
        let dropped = Course {
            file: Some(revision(3)),
            ..serving()
        };
        check(dropped.clone(), 3, Some(100));
        check(serving(), 2, None);
        check(dropped.clone(), 1, None);
        check(
            Course {
                order: pin(3, true),
                ..dropped.clone()
            },
            3,
            None,
        );
        check(
            Course {
                blocks: vec![block(1), block(2)],
                ..dropped
            },
            3,
            None,
        );
        check(
            Course {
                file: Some(revision(1)),
                ..Course::default()
            },
            1,
            None,
        );
        let last_since = Some(Timestamp::from_unix_secs(60));
        let restarted = Course {
            active: None,
            last: Some(revision(2)),
            last_since,
            ..serving()
        };
        check(restarted, 2, Some(60));
    }

    /// Every course of three revisions, however it came about.
    fn all_courses() -> impl Iterator<Item = Course> {
        let any = || (0..4u8).map(|number| (number > 0).then(|| revision(number)));
        let served = [vec![], vec![1], vec![2, 1], vec![3, 2, 1]];
        let blocks = (0..8u8).map(|mask| {
            (1..=3u8)
                .filter(|number| mask >> (number - 1) & 1 == 1)
                .map(block)
                .collect::<Vec<_>>()
        });
        let blocks: Vec<_> = blocks.collect();
        let orders: Vec<_> = [None]
            .into_iter()
            .chain((1..=3).flat_map(|of| [pin(of, true), pin(of, false)]))
            .collect();
        let mut all = Vec::new();
        for (active, last) in any().flat_map(|active| any().map(move |last| (active, last))) {
            for (served, blocks) in served
                .iter()
                .flat_map(|served| blocks.iter().map(move |blocks| (served, blocks)))
            {
                for (order, is_file_out) in orders
                    .iter()
                    .flat_map(|order| [(order, true), (order, false)])
                {
                    let served = served.iter().map(|number| revision(*number)).collect();
                    let (blocks, order) = (blocks.clone(), order.clone());
                    all.push(Course {
                        active,
                        last,
                        served,
                        blocks,
                        order,
                        is_file_out,
                        ..Course::default()
                    });
                }
            }
        }
        all.into_iter()
    }

    #[test]
    fn whatever_has_happened_nothing_that_is_refused_comes_into_service() {
        for course in all_courses() {
            let called = course.call_for();
            assert!(
                called.is_none_or(|called| course.block_of(called).is_none()),
                "{course:?}"
            );
            assert!(called.is_none() || called != course.active, "{course:?}");
            let is_banned = course
                .active
                .is_some_and(|active| course.block_of(active).is_some());
            assert!(
                !is_banned || called.is_some() || course.fallback().is_none(),
                "it goes back if it can: {course:?}"
            );
            for file in (1..=3).map(revision) {
                let is_refused = matches!(course.admit(file), Admission::Blocked(_));
                assert_eq!(is_refused, course.block_of(file).is_some(), "{course:?}");
            }
        }
    }

    #[test]
    fn what_is_called_for_is_called_for_once() {
        for mut course in all_courses() {
            if let Some(called) = course.call_for() {
                course.activated(called);
                assert_eq!(course.call_for(), None, "{course:?}");
            }
        }
    }

    #[test]
    fn what_is_lost_is_asked_for_no_more() {
        let mut course = Course {
            order: pin(1, true),
            blocks: vec![block(2)],
            ..serving()
        };
        course.lost(revision(1));
        assert_eq!((course.call_for(), course.fallback()), (None, None));
    }
}
