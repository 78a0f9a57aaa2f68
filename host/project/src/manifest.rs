//! The manifest of a plugin's folder: `hookyard.plugin.toml`.
//!
//! The manifest is small on purpose: the language's own files describe the sources, and `wit/`
//! describes the world. The manifest says what `hookyard build` cannot find out from them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use toml::{Table, Value};

use crate::imports::{Capability, Imports};
use crate::language::{Engine, Language};
use crate::other::Other;
use crate::similar;

const KEYS: [&str; 7] = [
    "name", "language", "engine", "provider", "imports", "hookyard", "other",
];

/// The content of `hookyard.plugin.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The name of the plugin, and of the component's file.
    pub name: String,
    /// The language of the sources.
    pub language: Language,
    /// The JavaScript engine; `None` for other languages.
    pub engine: Option<Engine>,
    /// The provider whose events the plugin handles; `None` for an untyped handler.
    pub provider: Option<String>,
    /// The capabilities that the plugin imports.
    pub imports: Imports,
    /// The version of `hookyard` that wrote the folder.
    pub hookyard: String,
    /// How the core module is made; only for [`Language::Other`].
    pub other: Option<Other>,
}

impl Manifest {
    /// The name of the file.
    pub const FILE: &'static str = "hookyard.plugin.toml";

    /// Reads the manifest of a folder.
    ///
    /// # Errors
    ///
    /// Returns [`ManifestError`] if the file cannot be read or has a fault.
    pub fn read(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(Self::FILE);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).map_err(|fault| ManifestError::Fault { path, fault }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(ManifestError::Missing(folder.to_owned()))
            }
            Err(error) => Err(ManifestError::Unreadable(path, error)),
        }
    }

    /// Returns the folder of the plugin that contains `start`: `start` itself or a parent of it.
    ///
    /// # Errors
    ///
    /// Returns [`ManifestError::Missing`] if no folder on the way up has a manifest.
    pub fn find(start: &Path) -> Result<PathBuf, ManifestError> {
        let start = start.canonicalize().unwrap_or_else(|_| start.to_owned());
        let mut folders = start.ancestors();

        folders
            .find(|folder| folder.join(Self::FILE).is_file())
            .map(Path::to_owned)
            .ok_or_else(|| ManifestError::Missing(start.clone()))
    }

    /// Parses the text of a manifest.
    ///
    /// # Errors
    ///
    /// Returns one line that names the key and the way out.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error
                .span()
                .map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            format!("line {line}: {}", error.message())
        })?;
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let hint = similar::hint(similar::closest(key, KEYS).as_deref());
            return Err(format!("unknown key `{key}`{hint}"));
        }

        let name = required(&table, "name")?;
        check_name(&name).map_err(|error| format!("name: {error}"))?;
        let language = language(&required(&table, "language")?)?;
        Ok(Self {
            name,
            language,
            engine: engine(&table, language)?,
            provider: optional(&table, "provider")?,
            imports: imports(&table)?,
            hookyard: required(&table, "hookyard")?,
            other: other(&table, language)?,
        })
    }
}

impl fmt::Display for Manifest {
    /// Writes the text of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "name = \"{}\"", self.name)?;
        writeln!(f, "language = \"{}\"", self.language)?;
        if let Some(engine) = self.engine {
            writeln!(f, "engine = \"{}\"", engine.name())?;
        }
        if let Some(provider) = &self.provider {
            writeln!(f, "provider = \"{provider}\"")?;
        }
        let imports: Vec<_> = self.imports.iter().map(Capability::name).collect();
        writeln!(f, "imports = {imports:?}")?;
        writeln!(f, "hookyard = \"{}\"", self.hookyard)?;
        self.other
            .iter()
            .try_for_each(|other| write!(f, "\n{other}"))
    }
}

/// The error for a folder without a usable manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Neither the folder nor a parent of it has a manifest.
    #[error(
        "{} is not the folder of a plugin: there is no {} in it or above it; make one with \
         `hookyard new`",
        .0.display(),
        Manifest::FILE
    )]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("{} cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// The file has a fault.
    #[error("{}: {fault}", .path.display())]
    Fault {
        /// The file.
        path: PathBuf,
        /// The key and the way out.
        fault: String,
    },
}

/// Checks the name of a plugin. The name is also the name of a WIT package and of a package in
/// every language, so the alphabet is smaller than the host's.
///
/// # Errors
///
/// Returns the rule as text.
pub fn check_name(name: &str) -> Result<(), InvalidName> {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if name.len() <= 64 && name.split('-').all(is_word) {
        return Ok(());
    }
    Err(InvalidName(name.to_owned()))
}

/// The error for a name that a plugin cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be the name of a plugin: use words of a-z and 0-9, each starting with a letter, \
     with `-` between them, such as `answer-offers`"
)]
pub struct InvalidName(String);

fn optional(table: &Table, key: &str) -> Result<Option<String>, String> {
    match table.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("{key}: must be a string")),
    }
}

fn required(table: &Table, key: &str) -> Result<String, String> {
    optional(table, key)?.ok_or_else(|| format!("the key `{key}` is missing"))
}

/// Returns the language of a manifest. A plugin in another language has no template, so `new` does
/// not take it.
fn language(name: &str) -> Result<Language, String> {
    if name == Language::Other.name() {
        return Ok(Language::Other);
    }
    Language::parse(name)
        .map_err(|error| format!("language: {error}, or other with a table [other]"))
}

fn other(table: &Table, language: Language) -> Result<Option<Other>, String> {
    match (table.get("other"), language) {
        (Some(Value::Table(table)), Language::Other) => Other::parse(table).map(Some),
        (None, Language::Other) => {
            Err("the table [other] with `command` and `module` is missing".to_owned())
        }
        (Some(_), Language::Other) => Err("other: must be a table".to_owned()),
        (Some(_), _) => Err("other: belongs to language = \"other\" only; remove it".to_owned()),
        (None, _) => Ok(None),
    }
}

fn engine(table: &Table, language: Language) -> Result<Option<Engine>, String> {
    let Some(name) = optional(table, "engine")? else {
        return Ok(language.has_engine().then(Engine::default));
    };
    if !language.has_engine() {
        return Err(format!(
            "engine: {} has no choice of engines; remove the key",
            language.title()
        ));
    }
    Engine::parse(&name)
        .map(Some)
        .map_err(|error| format!("engine: {error}"))
}

fn imports(table: &Table) -> Result<Imports, String> {
    let Some(value) = table.get("imports") else {
        return Ok(Imports::default());
    };
    let items = value
        .as_array()
        .ok_or("imports: must be a list, such as [\"keyvalue\"]")?;
    let capability = |item: &Value| {
        let name = item.as_str().ok_or("imports: must contain strings only")?;
        Capability::parse(name).map_err(|error| format!("imports: {error}"))
    };
    items.iter().map(capability).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
name = \"decide\"
language = \"typescript\"
engine = \"starling\"
provider = \"topi-saas\"
imports = [\"keyvalue\", \"config\", \"logging\"]
hookyard = \"0.1.0\"
";

    #[test]
    fn manifest_is_written_as_read() {
        let manifest = Manifest::parse(TEXT).expect("valid");

        assert_eq!(manifest.engine, Some(Engine::StarlingMonkey));
        assert_eq!(manifest.provider.as_deref(), Some("topi-saas"));
        assert_eq!(manifest.to_string(), TEXT);
    }

    #[test]
    fn other_language_has_a_command() {
        let text = "name = \"decide\"\nlanguage = \"other\"\nimports = []\nhookyard = \"0.1.0\"\n";
        let table = "\n[other]\ncommand = [\"npm\", \"run\", \"core\"]\nmodule = \"build/core.wasm\"\n\
             strings = \"utf16\"\n";

        let whole = format!("{text}{table}");
        let manifest = Manifest::parse(&whole).expect("valid");
        assert_eq!(manifest.language, Language::Other);
        assert_eq!(manifest.to_string(), whole);
        let fault = Manifest::parse(text).expect_err("refused");
        assert!(fault.starts_with("the table [other]"), "{fault}");
        let fault = Manifest::parse(&whole.replace("\"other\"", "\"go\"")).expect_err("refused");
        assert!(fault.starts_with("other: belongs to language"), "{fault}");
    }

    #[test]
    fn engine_defaults_to_quickjs() {
        let text = TEXT.replace("engine = \"starling\"\n", "");

        let manifest = Manifest::parse(&text).expect("valid");
        assert_eq!(manifest.engine, Some(Engine::QuickJs));
    }

    #[test]
    fn faults_name_key_and_way_out() {
        for (from, to, expected) in [
            (
                "provider =",
                "providr =",
                "unknown key `providr`; did you mean `provider`?",
            ),
            ("\"decide\"", "7", "name: must be a string"),
            (
                "\"typescript\"",
                "\"tyscript\"",
                "did you mean `typescript`?",
            ),
            (
                "\"typescript\"",
                "\"go\"",
                "engine: Go has no choice of engines; remove the key",
            ),
            ("\"starling\"", "\"v8\"", "engine: unknown engine `v8`"),
            (
                "\"config\"",
                "\"confg\"",
                "imports: unknown import `confg`; did you mean `config`?",
            ),
            ("name = \"decide\"\n", "", "the key `name` is missing"),
            (
                "\"decide\"",
                "\"De cide\"",
                "name: `De cide` cannot be the name of a plugin",
            ),
            ("engine =", "engine", "line 3:"),
        ] {
            let fault = Manifest::parse(&TEXT.replacen(from, to, 1)).expect_err(to);
            assert!(fault.contains(expected), "{fault}");
        }
    }

    #[test]
    fn manifest_is_found_upwards() {
        let folder = tempfile::tempdir().expect("made");
        let inner = folder.path().join("src/deep");
        fs::create_dir_all(&inner).expect("made");
        assert!(matches!(
            Manifest::read(folder.path()),
            Err(ManifestError::Missing(_))
        ));

        fs::write(folder.path().join(Manifest::FILE), TEXT).expect("written");
        let found = Manifest::find(&inner).expect("found");
        assert_eq!(found, folder.path().canonicalize().expect("exists"));
        assert_eq!(Manifest::read(&found).expect("valid").name, "decide");
    }

    #[test]
    fn names_are_words() {
        for name in ["decide", "answer-offers", "v2"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in [
            "", "-", "a--b", "2nd", "a-2", "Decide", "über", "a_b", "../x",
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
