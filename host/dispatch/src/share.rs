//! Who may have how many of the free places: evenly, in turns.

use hookyard_inbox::Want;
use hookyard_model::PluginRef;

/// A plugin that may begin attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) plugin: PluginRef,
    /// How many more.
    pub(crate) places: usize,
}

/// Deals `free` places out one by one to those who may have more. Who gets none isn't in the answer.
pub(crate) fn share(mut free: usize, open: &[Open]) -> Vec<Want> {
    let mut wants: Vec<Want> = open.iter().map(|open| Want { plugin: open.plugin.clone(), limit: 0 }).collect();
    loop {
        let before = free;
        for (want, open) in wants.iter_mut().zip(open) {
            if free > 0 && want.limit < open.places {
                want.limit += 1;
                free -= 1;
            }
        }
        if free == 0 || free == before {
            break;
        }
    }
    wants.retain(|want| want.limit > 0);
    wants
}

/// Puts the plugins in the order of their names, beginning with the one after `last`, so that each has its turn.
pub(crate) fn rotate(open: &mut [Open], last: Option<&PluginRef>) {
    open.sort_by(|a, b| a.plugin.cmp(&b.plugin));
    let first = last.map_or(0, |last| open.partition_point(|open| open.plugin <= *last));
    open.rotate_left(first);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(name: &str) -> PluginRef {
        PluginRef { tenant: "acme".parse().expect("a name"), plugin: name.parse().expect("a name") }
    }

    fn opens(places: &[(&str, usize)]) -> Vec<Open> {
        places.iter().map(|(name, places)| Open { plugin: plugin(name), places: *places }).collect()
    }

    #[test]
    fn places_are_dealt_evenly() {
        let check = |free, places: &[(&str, usize)], expected: &[(&str, usize)]| {
            let given = share(free, &opens(places));
            let given: Vec<_> = given.iter().map(|want| (want.plugin.plugin.as_str(), want.limit)).collect();
            assert_eq!(given, expected, "{free} places for {places:?}");
        };
        check(0, &[("a", 3)], &[]);
        check(9, &[], &[]);
        check(9, &[("a", 3), ("b", 2)], &[("a", 3), ("b", 2)]);
        check(4, &[("a", 3), ("b", 9)], &[("a", 2), ("b", 2)]);
        check(5, &[("a", 1), ("b", 9), ("c", 9)], &[("a", 1), ("b", 2), ("c", 2)]);
        check(2, &[("a", 9), ("b", 9), ("c", 9)], &[("a", 1), ("b", 1)]);
        check(3, &[("a", 0), ("b", 9)], &[("b", 3)]);
    }

    #[test]
    fn the_turn_goes_round() {
        let order = |last: Option<&str>| {
            let mut open = opens(&[("c", 1), ("a", 1), ("b", 1)]);
            rotate(&mut open, last.map(plugin).as_ref());
            open.into_iter().map(|open| open.plugin.plugin.to_string()).collect::<String>()
        };
        assert_eq!(order(None), "abc");
        assert_eq!(order(Some("a")), "bca");
        assert_eq!(order(Some("c")), "abc");
        assert_eq!(order(Some("aa")), "bca", "a plugin that has gone still says whose turn it is");
    }
}
