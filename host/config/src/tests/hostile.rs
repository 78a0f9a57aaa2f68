//! Files that are damaged or made to cost much. Whatever a file contains, it is read completely or
//! refused with faults, and no reader panics.

use std::time::{Duration, Instant};

use hookyard_model::visible;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::support::{Folder, source};
use crate::DEFAULT;
use crate::document::{Faults, Sink};
use crate::providers::{built_in_text, read};

/// Far more than any of these files may take, also on a busy machine without optimization.
const LONG: Duration = Duration::from_secs(20);

/// The built-in providers whose files have every kind of table.
const PROVIDERS: [&str; 12] = [
    "adyen",
    "asana",
    "azure-event-grid",
    "cloudevents",
    "github",
    "microsoft-graph",
    "paypal",
    "plaid",
    "tipser",
    "topi-saas",
    "twilio",
    "x",
];

/// Values that no key has, or that only some keys have.
const VALUES: [&str; 16] = [
    "\"\"",
    "\"none\"",
    "\"{json:/a}\"",
    "\"{header:}\"",
    "\"{{{{}\"",
    "\"{setting:a}{json-fields:/:,,}{url}\"",
    "\"\\u0000\\u202e\"",
    "\"99999999999999999999d\"",
    "{ header = \"X\", pair = \"\", separator = \"\" }",
    "{ json = \"/0/~2\", after = \"\", format = 1 }",
    "[[[[[[]]]]]]",
    "[\"{body}\", { rules = [{}] }]",
    "-9223372036854775808",
    "inf",
    "1979-05-27T07:32:00Z",
    "true",
];

/// A change to a file.
#[derive(Debug, Clone)]
enum Damage {
    Value(Index, &'static str),
    LostLine(Index),
    RepeatedLine(Index),
    MovedLine(Index, Index),
    Text(Index, String),
}

fn damage() -> impl Strategy<Value = Damage> {
    let line = any::<Index>;
    prop_oneof![
        4 => (line(), select(&VALUES[..])).prop_map(|(line, value)| Damage::Value(line, value)),
        1 => line().prop_map(Damage::LostLine),
        1 => line().prop_map(Damage::RepeatedLine),
        1 => (line(), line()).prop_map(|(from, to)| Damage::MovedLine(from, to)),
        1 => (line(), "[\\PC\n\"{}=.\\[\\]]{1,8}").prop_map(|(at, text)| Damage::Text(at, text)),
    ]
}

/// Returns a file with a change.
fn damaged(text: &str, damage: &Damage) -> String {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let count = lines.len();
    match damage {
        Damage::Value(line, value) => {
            let line = &mut lines[line.index(count)];
            if let Some((key, _)) = line.split_once('=') {
                *line = format!("{key}= {value}");
            }
        }
        Damage::LostLine(line) => drop(lines.remove(line.index(count))),
        Damage::RepeatedLine(line) => {
            let line = line.index(count);
            lines.insert(line, lines[line].clone());
        }
        Damage::MovedLine(from, to) => {
            let line = lines.remove(from.index(count));
            lines.insert(to.index(count), line);
        }
        Damage::Text(at, inserted) => {
            let mut whole: Vec<_> = text.chars().collect();
            let at = at.index(whole.len());
            whole.splice(at..at, inserted.chars());
            return whole.into_iter().collect();
        }
    }
    lines.join("\n")
}

/// Checks that each fault can be printed, and names a line that the file has.
fn check_faults(faults: &Faults, text: &str) -> Result<(), TestCaseError> {
    prop_assert!(!faults.0.is_empty(), "refused without a fault:\n{text}");
    for fault in &faults.0 {
        let shown = fault.to_string();
        prop_assert_eq!(&*visible(&shown), &*shown);
        let line = fault.line.unwrap_or(1);
        prop_assert!((1..=text.lines().count() + 1).contains(&line), "{}", shown);
    }
    Ok(())
}

fn read_provider(name: &str, text: &str) -> Result<(), Faults> {
    let sink = Sink::default();
    let provider = read::provider("provider.toml", name, text, &sink);
    sink.into_result(provider).map(drop)
}

proptest! {
    #[test]
    fn damaged_provider_is_read_or_refused(
        name in select(&PROVIDERS[..]),
        damages in proptest::collection::vec(damage(), 1..4),
    ) {
        let whole = built_in_text(name).expect("a built-in provider").to_owned();
        let text = damages.iter().fold(whole, |text, damage| damaged(&text, damage));
        if let Err(faults) = read_provider(name, &text) {
            check_faults(&faults, &text)?;
        }
    }

    #[test]
    fn any_text_is_no_provider(text in "[\\PC\n\"{}=.\\[\\] a-z0-9]{0,60}") {
        let faults = read_provider("p", &text).expect_err("a provider has a name");
        check_faults(&faults, &text)?;
    }
}

proptest! {
    // Each case reads all built-in providers.
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn damaged_configuration_is_read_or_refused(damages in proptest::collection::vec(damage(), 1..4)) {
        let folder = Folder::new();
        let text = damages
            .iter()
            .fold(DEFAULT.to_owned(), |text, damage| damaged(&text, damage));
        if let Err(faults) = folder.read(&text).result {
            check_faults(&faults, &text)?;
        }
    }
}

#[test]
fn huge_files_are_refused_quickly() {
    let begin = Instant::now();
    let deep = format!("key = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let dotted = format!("{} = 1", vec!["a"; 50_000].join("."));
    let tables: String = (0..20_000).map(|n| format!("[t{n}]\n")).collect();
    let braces = format!("key = \"{}\"", "{json:/a}".repeat(100_000));

    for text in [&deep, &dotted, &tables, &braces] {
        assert!(read_provider("p", text).is_err(), "{text:.40}");
    }
    let settings = Folder::new().faults(&source(&deep));
    assert!(!settings.is_empty());
    assert!(begin.elapsed() < LONG, "{:?}", begin.elapsed());
}
