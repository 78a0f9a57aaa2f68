//! An operator's folder with the configuration of a vector file: a source for each case.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use hookyard_config::Settings;
use hookyard_model::{SourceName, SourceRef, TenantName};
use tempfile::TempDir;
use toml::{Table, Value};

use crate::case::Case;
use crate::provider::Provider;
use crate::source::Source;

const TENANT: &str = "vectors";

/// The cases of a file, and their sources.
pub(crate) struct Folder {
    cases: Vec<(Case, Provider)>,
    /// The settings of all sources, which the first case reads.
    settings: OnceLock<Result<Settings, String>>,
}

impl Folder {
    pub(crate) const fn new(cases: Vec<(Case, Provider)>) -> Self {
        Self {
            cases,
            settings: OnceLock::new(),
        }
    }

    pub(crate) fn cases(&self) -> &[(Case, Provider)] {
        &self.cases
    }

    /// Returns the settings, with a source for each case whose settings are valid.
    pub(crate) fn settings(&self) -> Result<&Settings, String> {
        let read = || {
            let cases = self.cases.iter().enumerate();
            self.read(cases.filter(|(_, (case, _))| !case.config_error))
        };
        let settings = self.settings.get_or_init(read);
        settings.as_ref().map_err(Clone::clone)
    }

    /// Returns the faults of the source of one case; `None` if the source can be used.
    pub(crate) fn faults(&self, index: usize) -> Option<String> {
        let case = self.cases.get(index).map(|case| (index, case));
        self.read(case.into_iter()).err()
    }

    fn read<'c>(
        &self,
        cases: impl Iterator<Item = (usize, &'c (Case, Provider))>,
    ) -> Result<Settings, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut sources = Table::new();
        for (index, (case, provider)) in cases {
            let name = name(index);
            let source = Source::of(case, provider, &name)?;
            write_source(&folder, provider, &source).map_err(|error| error.to_string())?;
            sources.insert(name, Value::Table(source.table));
        }

        let file = folder.path().join("hookyard.toml");
        fs::write(&file, configuration(sources)).map_err(|error| error.to_string())?;
        let reading = hookyard_config::read(&file);
        reading.result.map_err(|faults| faults.to_string())
    }
}

/// Returns the name of the source of a case. The names of cases are not names of sources.
pub(crate) fn name(index: usize) -> String {
    format!("case-{index}")
}

/// Returns the name of the source of a case, with its tenant.
pub(crate) fn source_ref(index: usize) -> SourceRef {
    SourceRef {
        tenant: TenantName::new(TENANT).expect("a name"),
        name: SourceName::new(&name(index)).expect("a name"),
    }
}

fn write_source(folder: &TempDir, provider: &Provider, source: &Source) -> std::io::Result<()> {
    let providers = folder.path().join("providers").join(&provider.name);
    fs::create_dir_all(&providers)?;
    fs::write(providers.join("provider.toml"), provider.text())?;
    for (name, content) in &source.files {
        fs::write(folder.path().join(name), content)?;
    }
    Ok(())
}

/// Returns the text of `hookyard.toml`.
fn configuration(sources: Table) -> String {
    let table = |key: &str, value: Value| Value::Table(Table::from_iter([(key.to_owned(), value)]));
    let tenant = table("sources", Value::Table(sources));
    let root = [
        ("providers".to_owned(), table("folder", "providers".into())),
        ("tenants".to_owned(), table(TENANT, tenant)),
    ];
    Table::from_iter(root).to_string()
}

/// Returns the path of a source.
pub(crate) fn path(index: usize) -> String {
    Path::new("/")
        .join(TENANT)
        .join(name(index))
        .display()
        .to_string()
}
