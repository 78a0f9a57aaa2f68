//! `hookyard wit --out`: writes a WIT folder with its world, ready for every tool.

use std::path::{Path, PathBuf};

use clap::Args;
use hookyard_project::files::Files;
use hookyard_project::{World, wit};

use crate::cli::Failure;
use crate::cli::shared::imports::ImportArguments;
use crate::cli::shared::{provider, report};
use crate::output;

/// The arguments of `hookyard wit --out`.
#[derive(Debug, Args)]
pub(crate) struct FolderArguments {
    /// Write a WIT folder here, with the world of a plugin and every package that it needs
    #[arg(long, value_name = "FOLDER", conflicts_with = "json")]
    out: Option<PathBuf>,
    /// The provider whose typed handler the plugin exports
    #[arg(
        long,
        value_name = "NAME",
        requires = "out",
        conflicts_with = "untyped"
    )]
    provider: Option<String>,
    /// Export the handler that receives raw bytes
    #[arg(long, requires = "out")]
    untyped: bool,
    /// Write the world of a component that verifies requests instead
    #[arg(long, requires = "out", conflicts_with_all = ["provider", "untyped", "name"])]
    verifier: bool,
    /// The name of the plugin
    #[arg(
        long,
        value_name = "NAME",
        requires = "out",
        default_value = "webhooks"
    )]
    name: String,
    #[command(flatten)]
    imports: ImportArguments,
}

impl FolderArguments {
    /// Whether a folder is to be written.
    pub(super) fn is_used(&self) -> bool {
        self.out.is_some() || !self.imports.imports().is_empty()
    }
}

/// Writes the folder. A folder that has files is not changed.
pub(super) fn write(path: &Path, arguments: &FolderArguments) -> Result<(), Failure> {
    let Some(out) = &arguments.out else {
        let way_out = "imports need --out, the folder to write";
        return Err(Failure::Arguments(way_out.to_owned()));
    };
    if arguments.provider.is_none() && !arguments.untyped && !arguments.verifier {
        let way_out = "--out needs --provider, --untyped for the handler that receives raw bytes, or --verifier";
        return Err(Failure::Arguments(way_out.to_owned()));
    }
    let name = &arguments.name;
    hookyard_project::manifest::check_name(name)
        .map_err(|error| Failure::Arguments(error.to_string()))?;
    let is_empty = std::fs::read_dir(out).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        let out = out.display();
        let way_out = format!("{out} is not empty; name another folder, or remove its files");
        return Err(Failure::Arguments(way_out));
    }

    let (files, world) = if arguments.verifier {
        (wit::verifier(), wit::VERIFIER_WORLD)
    } else {
        (plugin(path, arguments)?, wit::WORLD)
    };
    files.write(out).map_err(|error| report::report(&error))?;
    let count = match files.len() {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
    output::line(format_args!(
        "wrote {count} to {}; the world is `{world}`",
        out.display(),
    ))
}

/// Returns the WIT folder of a plugin.
fn plugin(path: &Path, arguments: &FolderArguments) -> Result<Files, Failure> {
    let provider = provider::find_optional(path, arguments.provider.as_deref())?;
    let imports = arguments.imports.imports();
    let world = World {
        name: &arguments.name,
        provider: provider.as_ref(),
        imports: &imports,
    };
    wit::files(&world).map_err(|error| report::report(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookyard_plugin::OFFERS;
    use hookyard_project::Capability;

    /// Drafts are offered by name, and WASI 0.2 up to the last version that the host knows.
    #[test]
    fn host_offers_every_written_import() {
        let imports = Capability::ALL.into_iter().collect();
        let world = World {
            name: "webhooks",
            provider: None,
            imports: &imports,
        };
        let files = wit::files(&world).expect("valid");
        let text = files.text("plugin.wit").expect("the world");

        let imported: Vec<_> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'))
            .collect();
        assert_eq!(imported.len(), 7, "{text}");
        for import in imported {
            let (name, version) = import.split_once('@').expect("a version");
            let offer = OFFERS.iter().find(|offer| offer.name == name);
            let offered = offer.expect("an offer").versions.to_string();
            assert!(offered.contains(version), "{import}: {offered}");
        }
    }
}
