//! The fixtures of a plugin: files in a folder next to the component, and arrays in the component.
//!
//! Each file `<plugin>.fixtures/<name>.json` is one fixture. Hidden files and files with other
//! names are ignored. A component can have custom sections `hookyard:fixtures`, each with JSON
//! arrays of fixtures.
//!
//! Tenants write fixtures, so everything here is limited. Bytes are counted before they are parsed,
//! and the number of fixtures and the number and length of faults have a maximum. Fixtures are kept
//! as text, because a parsed fixture takes many times as much memory. A shortened list contains the
//! number of left-out items.

use std::io;
use std::path::Path;

use hookyard_plugin::custom_sections;
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::fixture::{FixtureText, Location};
use hookyard_config::files;
use hookyard_model::excerpt;

/// The name of custom sections with fixtures.
const SECTION: &str = "hookyard:fixtures";
/// The maximum number of fixtures of one plugin.
pub const COUNT_MAX: usize = 500;
/// The maximum size of one file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// The maximum size of all files, or of all custom sections, in bytes.
const BYTES_MAX: usize = 16 << 20;
/// The maximum number of entries of a folder that are read.
const ENTRIES_MAX: usize = 10_000;
/// The maximum number of faults of one plugin's fixtures.
const FAULTS_MAX: usize = 100;

/// A plugin's fixtures, and the faults of fixtures that cannot be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fixtures {
    /// The fixtures that can be read.
    pub all: Vec<FixtureText>,
    /// Up to `FAULTS_MAX` faults, one line each.
    pub faults: Vec<String>,
    /// The number of further faults.
    faults_left_out: usize,
}

impl Fixtures {
    /// Reads the fixtures in a component and those in a folder, which may not exist.
    pub fn read(component: &[u8], folder: &Path) -> Self {
        let mut fixtures = Self::default();
        fixtures.add_embedded(&custom_sections(component, SECTION));
        fixtures.add_all_in(folder);
        fixtures.bounded()
    }

    /// Reads the fixtures in a folder, which may not exist.
    pub fn in_folder(folder: &Path) -> Self {
        let mut fixtures = Self::default();
        fixtures.add_all_in(folder);
        fixtures.bounded()
    }

    fn add_all_in(&mut self, folder: &Path) {
        if let Err(error) = self.add_folder(folder) {
            self.fault(format!("{}: cannot be read: {error}", folder.display()));
        }
    }

    /// Removes the fixtures beyond the maximum, and reports them and the faults that were left out.
    fn bounded(mut self) -> Self {
        if self.all.len() > COUNT_MAX {
            self.fault(format!(
                "there are more than {COUNT_MAX} fixtures: only the first {COUNT_MAX} run"
            ));
            self.all.truncate(COUNT_MAX);
        }

        if self.faults_left_out > 0 {
            let more = format!("and {} more faults in fixtures", self.faults_left_out);
            self.faults.push(more);
        }
        self
    }

    fn add(&mut self, fixture: Result<FixtureText, Vec<String>>) {
        match fixture {
            // One more than the maximum is kept, so that `read` notices the excess.
            Ok(fixture) if self.all.len() <= COUNT_MAX => self.all.push(fixture),
            Ok(_) => {}
            Err(faults) => faults.into_iter().for_each(|fault| self.fault(fault)),
        }
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(excerpt(&fault));
        } else {
            self.faults_left_out += 1;
        }
    }

    fn add_embedded(&mut self, custom_sections: &[&[u8]]) {
        let file = format!("the component's {SECTION}");
        if custom_sections
            .iter()
            .map(|section| section.len())
            .sum::<usize>()
            > BYTES_MAX
        {
            self.fault(format!("{file}: has more than {BYTES_MAX} bytes"));
            return;
        }

        let mut number = 0;
        for section in custom_sections {
            // A section contains one array for each object file that brought fixtures.
            for array in serde_json::Deserializer::from_slice(section).into_iter::<Items<'_>>() {
                match array {
                    Ok(items) => self.add_items(&file, items, &mut number),
                    Err(error) => {
                        self.fault(format!("{file}: not a JSON array of fixtures: {error}"));
                        break;
                    }
                }
            }
        }
    }

    fn add_items(&mut self, file: &str, items: Items<'_>, number: &mut usize) {
        for item in items.first {
            let (root, name) = (format!("$[{number}]"), format!("embedded {number}"));
            *number += 1;
            if item.get().len() as u64 > FILE_BYTES_MAX {
                self.fault(format!(
                    "{file}: {root}: has more than {FILE_BYTES_MAX} bytes"
                ));
            } else {
                self.add(FixtureText::read(
                    Location {
                        file: file.to_owned(),
                        root,
                    },
                    &name,
                    item.get(),
                ));
            }
        }

        if items.left_out > 0 {
            let left_out = items.left_out;
            self.fault(format!(
                "{file}: {left_out} fixtures are left out: only the first {COUNT_MAX} run"
            ));
        }
    }

    fn add_folder(&mut self, folder: &Path) -> io::Result<()> {
        let mut bytes = 0;
        let owner = folder.parent().unwrap_or(folder);
        for name in names(owner, folder)? {
            let path = folder.join(&name);
            let text = match text(owner, &path) {
                Ok(Some(text)) => text,
                // The file was removed after its name was read.
                Ok(None) => continue,
                Err(why) => {
                    self.fault(format!("{}: {why}", path.display()));
                    continue;
                }
            };

            bytes += text.len();
            if bytes > BYTES_MAX {
                self.fault(format!(
                    "{}: its files have more than {BYTES_MAX} bytes together",
                    folder.display()
                ));
                return Ok(());
            }

            let name = name.trim_end_matches(".json");
            self.add(FixtureText::read(
                Location {
                    file: path.display().to_string(),
                    root: "$".to_owned(),
                },
                name,
                &text,
            ));
        }
        Ok(())
    }
}

/// The first elements of one embedded array, unparsed, and the number of further elements.
///
/// An array of five million numbers fits into a section, and a list of its elements would take
/// sixteen times as many bytes.
struct Items<'s> {
    first: Vec<&'s RawValue>,
    left_out: usize,
}

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First;

        impl<'de> Visitor<'de> for First {
            type Value = Items<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an array of fixtures")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
                let mut items = Items {
                    first: Vec::new(),
                    left_out: 0,
                };
                while items.first.len() < COUNT_MAX {
                    let Some(item) = array.next_element()? else {
                        return Ok(items);
                    };
                    items.first.push(item);
                }

                while array.next_element::<IgnoredAny>()?.is_some() {
                    items.left_out += 1;
                }
                Ok(items)
            }
        }

        deserializer.deserialize_seq(First)
    }
}

/// Returns whether a file name in a folder of fixtures is the name of a fixture.
pub fn is_fixture(name: &str) -> bool {
    !name.starts_with('.') && name.ends_with(".json")
}

/// Returns the names of the fixtures in a folder, sorted, up to one more than the maximum. An
/// absent folder has none.
fn names(owner: &Path, folder: &Path) -> io::Result<Vec<String>> {
    let (names, _) = match files::names(owner, folder, ENTRIES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        names => names?,
    };

    let names = names.iter().map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| is_fixture(name)).collect();

    names.sort();
    names.truncate(COUNT_MAX + 1);
    Ok(names)
}

/// Returns the text of a file, or `None` if the file does not exist.
fn text(owner: &Path, path: &Path) -> Result<Option<String>, String> {
    match files::text(owner, path, FILE_BYTES_MAX) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests;
