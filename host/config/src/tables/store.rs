//! The `[store]` table: where events are stored, and how repeated events are recognized.

use std::path::{Path, PathBuf};

use crate::document::Section;
use crate::references::Resolver;
use crate::settings::Store;

/// Reads the table.
pub fn read(section: &Section<'_>, resolver: &Resolver<'_>) -> Store {
    let default = Store::default();
    Store {
        url: resolver.resolve(&database_file(section).unwrap_or(default.url)),
        dedupe_window: section.get_or("dedupe_window", default.dedupe_window),
    }
}

/// Reads the path from a URL such as `sqlite:data/hookyard.db` or `sqlite:///var/hookyard.db`.
fn database_file(section: &Section<'_>) -> Option<PathBuf> {
    let entry = section.entry("url")?;
    let url = entry.get::<String>()?;

    let path = url
        .strip_prefix("sqlite:")
        .map(|path| path.strip_prefix("//").unwrap_or(path))
        .filter(|path| !path.is_empty());
    if path.is_none() {
        entry.fault("must be the URL of an SQLite file, such as \"sqlite:data/hookyard.db\"");
    }
    path.map(|path| Path::new(path).to_owned())
}
