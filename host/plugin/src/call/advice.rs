//! The way out of traps whose own words do not tell it, because they come from a language's runtime.

/// Returns how to avoid a trap, by its message.
pub(super) fn of(message: &str) -> Option<&'static str> {
    let found = TRAPS.iter().find(|(part, _)| message.contains(part));
    found.map(|(_, advice)| *advice)
}

/// Parts of messages, each with its advice. The first one that occurs counts.
const TRAPS: [(&str, &str); 7] = [
    // Go's collector reads the clock, which a guest must not do while it receives arguments.
    (
        "cannot leave component instance",
        "if this is Go, its garbage collector ran while the event was passed: build with `hookyard build`, or call \
         debug.SetGCPercent(-1) in init",
    ),
    // componentize-py includes what is imported while it builds.
    ("ModuleNotFoundError: ", IMPORT_AT_TOP),
    ("LookupError: unknown encoding: ", IMPORT_AT_TOP),
    ("fetch is not defined", NOT_IN_QUICKJS),
    ("TextEncoder is not defined", NOT_IN_QUICKJS),
    ("TextDecoder is not defined", NOT_IN_QUICKJS),
    ("URL is not defined", NOT_IN_QUICKJS),
];
const IMPORT_AT_TOP: &str = "a Python plugin contains only the modules that are imported while it is built: import \
    this one at the top of a file";
const NOT_IN_QUICKJS: &str =
    "QuickJS does not have this: build with engine = \"starling\", or use the SDK of Hookyard";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_of_a_runtime_gets_advice() {
        for (message, expected) in [
            (
                "cannot leave component instance, in clock_time_get",
                "SetGCPercent",
            ),
            (
                "ModuleNotFoundError: No module named 'logging'",
                "top of a file",
            ),
            ("LookupError: unknown encoding: idna", "top of a file"),
            ("ReferenceError: fetch is not defined", "starling"),
        ] {
            let advice = of(message).expect("advice");
            assert!(advice.contains(expected), "{message}: {advice}");
        }
        assert_eq!(of("KeyError: 'id'"), None);
    }
}
