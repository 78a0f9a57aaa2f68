use super::*;

pub(crate) fn revision(number: u8) -> Revision {
    Revision::from_sha256([number; 32])
}

pub(crate) fn unknown() -> Plugin {
    Plugin::new(name())
}

pub(crate) fn name() -> PluginRef {
    PluginRef {
        tenant: "acme".parse().expect("a name"),
        name: "books".parse().expect("a name"),
    }
}

pub(crate) fn block(number: u8) -> Block {
    let since = Timestamp::from_unix_secs(1);
    Block {
        plugin: name(),
        revision: revision(number),
        reason: "worse".into(),
        since,
        blocked_by: None,
    }
}

/// A plugin whose revision 2 is active and came after revision 1.
pub(crate) fn serving() -> Plugin {
    let served = vec![revision(2), revision(1)];
    Plugin {
        active: Some(revision(2)),
        served,
        file: Some(revision(2)),
        ..unknown()
    }
}

pub(crate) fn order(number: u8, is_pin: bool) -> Option<Order> {
    Some(Order {
        plugin: name(),
        revision: revision(number),
        is_pin,
        ordered_at: Timestamp::from_unix_secs(1),
        ordered_by: None,
    })
}

#[test]
fn file_is_admitted_unless_pinned_or_blocked() {
    let check = |plugin: Plugin, file: u8, expected: Admission| {
        assert_eq!(
            plugin.admit(revision(file)),
            expected,
            "{plugin:?} and {file}"
        );
    };

    check(unknown(), 1, Admission::Rehearse);
    check(serving(), 3, Admission::Rehearse);
    check(serving(), 2, Admission::Renew);
    check(
        Plugin {
            active: None,
            last: Some(revision(2)),
            ..serving()
        },
        2,
        Admission::Renew,
    );

    check(
        Plugin {
            blocks: vec![block(3)],
            ..serving()
        },
        3,
        Admission::Blocked(block(3)),
    );

    check(
        Plugin {
            blocks: vec![block(2)],
            ..serving()
        },
        2,
        Admission::Blocked(block(2)),
    );

    check(
        Plugin {
            blocks: vec![block(1)],
            ..serving()
        },
        3,
        Admission::Rehearse,
    );

    check(
        Plugin {
            order: order(2, true),
            ..serving()
        },
        3,
        Admission::Pinned(revision(2)),
    );

    check(
        Plugin {
            order: order(2, true),
            ..serving()
        },
        2,
        Admission::Renew,
    );

    check(
        Plugin {
            order: order(3, true),
            ..serving()
        },
        3,
        Admission::Rehearse,
    );

    check(
        Plugin {
            order: order(1, false),
            ..serving()
        },
        3,
        Admission::Rehearse,
    );

    check(
        Plugin {
            order: order(1, true),
            blocks: vec![block(3)],
            ..serving()
        },
        3,
        Admission::Blocked(block(3)),
    );

    check(
        Plugin {
            order: order(1, true),
            blocks: vec![block(1)],
            ..serving()
        },
        3,
        Admission::Rehearse,
    );
}

#[test]
fn order_comes_before_the_rollback_target() {
    let check = |plugin: Plugin, expected: Option<u8>| {
        assert_eq!(
            plugin.call_for(|_| true),
            expected.map(revision),
            "{plugin:?}"
        );
    };

    check(serving(), None);
    check(
        Plugin {
            blocks: vec![block(2)],
            ..serving()
        },
        Some(1),
    );

    check(
        Plugin {
            blocks: vec![block(2), block(1)],
            ..serving()
        },
        None,
    );

    check(
        Plugin {
            blocks: vec![block(2)],
            served: vec![revision(2)],
            ..serving()
        },
        None,
    );

    check(
        Plugin {
            blocks: vec![block(1)],
            ..serving()
        },
        None,
    );

    for is_pin in [true, false] {
        check(
            Plugin {
                order: order(1, is_pin),
                ..serving()
            },
            Some(1),
        );
        check(
            Plugin {
                order: order(2, is_pin),
                ..serving()
            },
            None,
        );
        check(
            Plugin {
                order: order(1, is_pin),
                blocks: vec![block(1)],
                ..serving()
            },
            None,
        );
        check(
            Plugin {
                order: order(7, is_pin),
                blocks: vec![block(2)],
                ..serving()
            },
            Some(7),
        );
    }

    // After a restart.
    let starting = Plugin {
        active: None,
        last: Some(revision(2)),
        ..serving()
    };

    check(starting.clone(), None);
    check(
        Plugin {
            is_file_out: true,
            ..starting.clone()
        },
        Some(2),
    );

    check(
        Plugin {
            is_file_out: true,
            blocks: vec![block(2)],
            ..starting.clone()
        },
        Some(1),
    );

    check(
        Plugin {
            is_file_out: true,
            order: order(1, true),
            ..starting
        },
        Some(1),
    );

    check(
        Plugin {
            is_file_out: true,
            ..unknown()
        },
        None,
    );

    // Removed, and then dropped in again, but bad.
    let mut removed = serving();
    removed.remove();
    check(
        Plugin {
            is_file_out: true,
            ..removed
        },
        None,
    );
}

#[test]
fn waiting_file_is_taken_once_admitted() {
    let out = Plugin {
        is_file_out: true,
        file: Some(revision(3)),
        ..serving()
    };

    assert!(out.may_take_file());
    assert!(
        !Plugin {
            blocks: vec![block(3)],
            ..out.clone()
        }
        .may_take_file()
    );

    assert!(
        !Plugin {
            order: order(2, true),
            ..out.clone()
        }
        .may_take_file()
    );

    assert!(
        !Plugin {
            file: None,
            ..out.clone()
        }
        .may_take_file(),
        "the file cannot run"
    );

    assert!(!serving().may_take_file());
}

#[test]
fn activation_fulfils_an_order_but_not_a_pin() {
    let mut plugin = Plugin {
        order: order(1, false),
        ..serving()
    };

    plugin.activate(revision(1));
    let expected = vec![revision(1), revision(2)];
    assert_eq!(
        (plugin.active, &plugin.served, &plugin.order),
        (Some(revision(1)), &expected, &None)
    );

    assert!(plugin.is_file_out, "the file holds another one");
    plugin.activate(revision(2));
    assert!(!plugin.is_file_out);
    let mut pinned = Plugin {
        order: order(1, true),
        ..serving()
    };

    pinned.activate(revision(1));
    assert_eq!(pinned.order, order(1, true));
}

#[test]
fn new_revision_with_a_rollback_target_is_on_probation() {
    let now = Timestamp::from_unix_secs(100);
    let check = |plugin: Plugin, revision_: u8, expected: Option<i64>| {
        let since = plugin.probation_since(revision(revision_), now);
        assert_eq!(
            since,
            expected.map(Timestamp::from_unix_secs),
            "{plugin:?} and {revision_}"
        );
    };

    let dropped = Plugin {
        file: Some(revision(3)),
        ..serving()
    };

    check(dropped.clone(), 3, Some(100));
    check(serving(), 2, None);
    check(dropped.clone(), 1, None);
    check(
        Plugin {
            order: order(3, true),
            ..dropped.clone()
        },
        3,
        None,
    );

    check(
        Plugin {
            blocks: vec![block(1), block(2)],
            ..dropped
        },
        3,
        None,
    );

    check(
        Plugin {
            file: Some(revision(1)),
            ..unknown()
        },
        1,
        None,
    );

    let last_since = Some(Timestamp::from_unix_secs(60));
    let restarted = Plugin {
        active: None,
        last: Some(revision(2)),
        last_since,
        ..serving()
    };

    check(restarted, 2, Some(60));
}

/// Every state with up to three revisions, whether or not inputs lead to it.
fn all_states() -> impl Iterator<Item = Plugin> {
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
        .chain((1..=3).flat_map(|of| [order(of, true), order(of, false)]))
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
                all.push(Plugin {
                    active,
                    last,
                    served,
                    blocks,
                    order,
                    is_file_out,
                    ..unknown()
                });
            }
        }
    }

    all.into_iter()
}

#[test]
fn blocked_revision_is_never_called_for() {
    for plugin in all_states() {
        let called = plugin.call_for(|_| true);
        assert!(
            called.is_none_or(|called| plugin.block_of(called).is_none()),
            "{plugin:?}"
        );
        assert!(called.is_none() || called != plugin.active, "{plugin:?}");
        let is_blocked = plugin
            .active
            .is_some_and(|active| plugin.block_of(active).is_some());
        assert!(
            !is_blocked || called.is_some() || plugin.rollback_target(|_| true).is_none(),
            "it goes back if it can: {plugin:?}"
        );
        for file in (1..=3).map(revision) {
            let is_refused = matches!(plugin.admit(file), Admission::Blocked(_));
            assert_eq!(is_refused, plugin.block_of(file).is_some(), "{plugin:?}");
        }
    }
}

#[test]
fn revision_is_called_for_once() {
    for mut plugin in all_states() {
        if let Some(called) = plugin.call_for(|_| true) {
            plugin.activate(called);
            assert_eq!(plugin.call_for(|_| true), None, "{plugin:?}");
        }
    }
}

#[test]
fn lost_revision_is_not_called_for() {
    let mut plugin = Plugin {
        order: order(1, true),
        blocks: vec![block(2)],
        ..serving()
    };

    plugin.lose(revision(1));
    assert_eq!(
        (plugin.call_for(|_| true), plugin.rollback_target(|_| true)),
        (None, None)
    );
}

#[test]
fn rollback_target_is_the_latest_available_unblocked_revision() {
    let plugin = Plugin {
        active: Some(revision(4)),
        served: vec![revision(4), revision(3), revision(2), revision(1)],
        ..unknown()
    };
    let check = |blocked: &[u8], archived: &[u8], expected: Option<u8>| {
        let plugin = Plugin {
            blocks: blocked.iter().map(|number| block(*number)).collect(),
            ..plugin.clone()
        };
        let archived: Vec<_> = archived.iter().map(|number| revision(*number)).collect();
        let target = plugin.rollback_target(|revision| archived.contains(&revision));
        assert_eq!(target, expected.map(revision), "{blocked:?} {archived:?}");
    };

    check(&[], &[1, 2, 3, 4], Some(3));
    check(&[], &[1, 2, 4], Some(2));
    check(&[2], &[1, 2, 4], Some(1));
    check(&[1, 2], &[1, 2, 4], None);
    check(&[], &[4, 9], None);
    check(&[3, 4], &[1, 2, 3, 4], Some(2));
}

#[test]
fn host_and_command_read_the_same_rollback_target() {
    let record = |number: u8, step, served_at: Option<i64>| RevisionRecord {
        plugin: name(),
        revision: revision(number),
        step,
        at: Timestamp::from_unix_secs(9),
        reason: None,
        served_at: served_at.map(Timestamp::from_unix_secs),
    };
    let records = [
        record(5, Step::Refused, None),
        record(4, Step::Active, Some(5)),
        record(1, Step::Retired, Some(1)),
        record(3, Step::Draining, Some(4)),
        record(2, Step::Blocked, Some(3)),
    ];

    let recorded = Plugin::recorded(name(), &records);
    assert_eq!(recorded.active, Some(revision(4)));
    let served = [4, 3, 2, 1].map(revision);
    assert_eq!(recorded.served, served);
    assert_eq!(recorded.rollback_target(|_| true), Some(revision(3)));

    let mut resumed = Plugin::resumed(name(), &records);
    assert_eq!((resumed.active, resumed.last), (None, Some(revision(4))));
    assert_eq!(resumed.steps.len(), 2);
    resumed.activate(revision(4));
    for missing in 1..=4 {
        let is_available = |other| other != revision(missing);
        assert_eq!(
            resumed.rollback_target(is_available),
            recorded.rollback_target(is_available)
        );
    }
}
