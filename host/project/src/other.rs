//! The part of a manifest for a language without a template: how its core module is made.

use std::fmt;

use toml::{Table, Value};

use crate::similar;

const KEYS: [&str; 3] = ["command", "module", "strings"];

/// The table `[other]` of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// The program that makes the core module, with its arguments.
    pub command: Vec<String>,
    /// The path of the core module in the folder.
    pub module: String,
    /// Whether strings in the module's memory are UTF-16; otherwise they are UTF-8.
    pub is_utf16: bool,
}

impl Other {
    /// Reads the table.
    pub(crate) fn parse(table: &Table) -> Result<Self, String> {
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let hint = similar::hint(similar::closest(key, KEYS).as_deref());
            return Err(format!("other: unknown key `{key}`{hint}"));
        }

        let command = table.get("command").and_then(Value::as_array);
        let command: Option<Vec<String>> =
            command.filter(|words| !words.is_empty()).and_then(|words| {
                words
                    .iter()
                    .map(|word| Some(word.as_str()?.to_owned()))
                    .collect()
            });
        let command = command
            .ok_or("other.command: must be a list such as [\"npm\", \"run\", \"asbuild\"]")?;
        let module = table.get("module").and_then(Value::as_str);
        let module = module.ok_or("other.module: must be a path such as \"build/core.wasm\"")?;
        let is_utf16 = match table.get("strings").map(Value::as_str) {
            None | Some(Some("utf8")) => false,
            Some(Some("utf16")) => true,
            Some(_) => return Err("other.strings: must be \"utf8\" or \"utf16\"".to_owned()),
        };
        Ok(Self {
            command,
            module: module.to_owned(),
            is_utf16,
        })
    }
}

impl fmt::Display for Other {
    /// Writes the text of the table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strings = if self.is_utf16 { "utf16" } else { "utf8" };
        writeln!(f, "[other]\ncommand = {:?}", self.command)?;
        writeln!(f, "module = {:?}\nstrings = \"{strings}\"", self.module)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Other, String> {
        Other::parse(&text.parse().expect("TOML"))
    }

    #[test]
    fn strings_are_utf8_by_default() {
        let text = "command = [\"make\"]\nmodule = \"build/core.wasm\"\n";
        let other = parse(text).expect("valid");
        assert_eq!(other.command, ["make"]);
        assert!(!other.is_utf16);

        let other = parse(&format!("{text}strings = \"utf16\"")).expect("valid");
        assert!(other.is_utf16);
    }

    #[test]
    fn faults_name_the_key() {
        for (text, expected) in [
            ("module = \"a\"", "other.command: must be a list"),
            ("command = []", "other.command: must be a list"),
            ("command = [\"a\"]", "other.module: must be a path"),
            (
                "command = [\"a\"]\nmodule = \"b\"\nstrings = \"latin1\"",
                "other.strings: must be",
            ),
            (
                "modul = 1",
                "other: unknown key `modul`; did you mean `module`?",
            ),
        ] {
            let fault = parse(text).expect_err("refused");
            assert!(fault.starts_with(expected), "{fault}");
        }
    }
}
