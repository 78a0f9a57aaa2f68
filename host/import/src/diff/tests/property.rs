//! A property of all pairs of descriptions: if no change breaks, the old types take every new body.

use std::collections::BTreeMap;

use hookyard_shape::arbitrary::fitting;
use proptest::prelude::*;

use super::*;
use crate::lock::{Locked, Word};

const KEYS: [&str; 5] = ["id", "user_id", "userId", "state", "lines"];

/// A type with its parts, by their paths from the type.
type Paths = BTreeMap<String, Locked>;

fn words() -> impl Strategy<Value = Word> {
    let values = proptest::sample::subsequence(vec!["open", "in progress", "shut"], 2..=3);
    prop_oneof![
        Just(Word::Bool),
        Just(Word::S32),
        Just(Word::S64),
        Just(Word::U32),
        Just(Word::U64),
        Just(Word::F64),
        Just(Word::Text),
        Just(Word::JsonText),
        Just(Word::Json),
        values.prop_map(|values| Word::Values(values.into_iter().map(str::to_owned).collect())),
    ]
}

fn below(parts: Vec<(String, Paths)>, is_option: bool, word: Word) -> Paths {
    let mut paths = Paths::from([(String::new(), Locked { is_option, word })]);
    for (step, part) in parts {
        paths.extend(
            part.into_iter()
                .map(|(path, it)| (format!("/{step}{path}"), it)),
        );
    }
    paths
}

fn types() -> impl Strategy<Value = Paths> {
    let leaf =
        (any::<bool>(), words()).prop_map(|(is_option, word)| below(vec![], is_option, word));
    leaf.prop_recursive(3, 12, 4, |inner| {
        let fields = (
            proptest::sample::subsequence(&KEYS[..], 1..4),
            proptest::collection::vec(inner.clone(), 4),
        );
        prop_oneof![
            3 => (any::<bool>(), fields).prop_map(|(is_option, (keys, types))| record(&keys, types, is_option)),
            1 => (any::<bool>(), inner.clone())
                .prop_map(|(is_option, item)| below(vec![("*".into(), item)], is_option, Word::List)),
            1 => (any::<bool>(), inner)
                .prop_map(|(is_option, value)| below(vec![("{}".into(), value)], is_option, Word::Map)),
        ]
    })
}

/// A record. Keys that fold to one name are left out, as the import does.
fn record(keys: &[&str], types: Vec<Paths>, is_option: bool) -> Paths {
    let is_double = keys.contains(&"user_id") && keys.contains(&"userId");
    let part = |(key, types): (&&str, Paths)| {
        let types = if is_double && hookyard_shape::fold(key) == "userid" {
            below(vec![], true, Word::LeftOut)
        } else {
            types
        };
        ((*key).to_owned(), types)
    };
    let parts = keys.iter().zip(types).map(part).collect();
    below(parts, is_option, Word::Record)
}

/// Types that differ from others in a place or two.
fn pairs_of_types() -> impl Strategy<Value = (Paths, Paths)> {
    let change = (
        any::<prop::sample::Index>(),
        any::<bool>(),
        words(),
        any::<bool>(),
    );
    let changes = proptest::collection::vec(change, 0..3);
    (types(), types(), changes, any::<bool>()).prop_map(|(old, another, changes, is_edited)| {
        if !is_edited {
            return (old, another);
        }
        let mut new = old.clone();
        for (place, is_option, word, is_removed) in changes {
            let path = place.get(&new.keys().cloned().collect::<Vec<_>>()).clone();
            let is_leaf = new
                .keys()
                .filter(|it| it.starts_with(&format!("{path}/")))
                .count()
                == 0;
            if is_removed
                && is_leaf
                && !path.is_empty()
                && !path.ends_with("/*")
                && !path.ends_with("{}")
            {
                new.remove(&path);
            } else if is_leaf && new[&path].word != Word::LeftOut {
                new.insert(path, Locked { is_option, word });
            }
        }
        (old, new)
    })
}

fn lock_of(paths: Paths) -> Lock {
    let event = LockedEvent {
        types: vec![],
        paths,
    };
    Lock {
        events: [("paid".to_owned(), event)].into(),
        ..Lock::default()
    }
}

/// Whether a float became an integer of 64 bits, which floats do not all represent.
fn has_large_integers(changes: &[Change]) -> bool {
    let is_large = |change: &Change| {
        matches!(
            change.what,
            What::Type {
                from: "f64",
                to: "s64" | "u64",
                ..
            }
        )
    };
    changes.iter().any(is_large)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn old_types_take_new_bodies_unless_a_change_breaks(
        (old, new, body) in pairs_of_types().prop_flat_map(|(old, new)| {
            let (old, new) = (lock_of(old), lock_of(new));
            let body = fitting(&new.events["paid"].shape());
            (Just(old), Just(new), body.prop_map(|(body, _)| body))
        })
    ) {
        let changes = compare(&old, &new);
        let decoded = decode(&old.events["paid"].shape(), &body);
        if !is_breaking(&changes) && !has_large_integers(&changes) {
            prop_assert_eq!(decoded, Ok(()), "{}{}{}", old, new, body);
        }
    }

    #[test]
    fn types_are_no_change_to_themselves(paths in types()) {
        let lock = lock_of(paths);
        prop_assert_eq!(compare(&lock, &lock), []);
        prop_assert_eq!(keep(&lock, &lock, Options::default()), []);
    }
}
