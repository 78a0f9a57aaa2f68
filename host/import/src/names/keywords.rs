//! The keywords of WIT, which are names only after a `%`.

/// The keywords of WIT as `wit-parser` 0.254 has them.
const KEYWORDS: [&str; 45] = [
    "as",
    "async",
    "bool",
    "borrow",
    "char",
    "constructor",
    "enum",
    "error-context",
    "export",
    "f32",
    "f64",
    "flags",
    "from",
    "func",
    "future",
    "import",
    "include",
    "interface",
    "list",
    "map",
    "option",
    "own",
    "package",
    "record",
    "resource",
    "result",
    "s16",
    "s32",
    "s64",
    "s8",
    "static",
    "stream",
    "string",
    "tuple",
    "type",
    "u16",
    "u32",
    "u64",
    "u8",
    "use",
    "variant",
    "with",
    "world",
    "include",
    "_",
];

/// Returns a name as it is written in WIT.
pub(crate) fn escaped(name: &str) -> String {
    if KEYWORDS.contains(&name) {
        return format!("%{name}");
    }
    name.to_owned()
}
