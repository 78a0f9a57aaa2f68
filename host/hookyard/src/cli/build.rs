//! `hookyard build`: turns the folder of a plugin into a component.

use std::path::{Path, PathBuf};

use clap::Args;
use hookyard_project::{BuildOptions, Built, Manifest};

use crate::cli::Failure;
use crate::cli::shared::{provider, report};
use crate::output;

/// The arguments of `hookyard build`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of the plugin, or a folder in it
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// Builds the plugin, and prints the size of the component and the next command.
pub(crate) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let built = build(path, &arguments.folder)?;

    let here = std::env::current_dir().unwrap_or_default();
    let component = built.path.strip_prefix(here).unwrap_or(&built.path);
    output::line(format_args!(
        "built {} ({}) in {:.1} s",
        component.display(),
        size(built.size),
        built.duration.as_secs_f64()
    ))?;
    let folder = match arguments.folder.to_str() {
        None | Some(".") => String::new(),
        Some(folder) => format!(" {folder}"),
    };
    output::line(format_args!("next: hookyard dev{folder}"))
}

/// Builds the plugin of a folder.
fn build(path: &Path, start: &Path) -> Result<Built, Failure> {
    let folder = Manifest::find(start).map_err(|error| report::report(&error))?;
    let manifest = Manifest::read(&folder).map_err(|error| report::report(&error))?;
    let options = options(path, &folder, &manifest)?;

    let mut progress = |line: &str| {
        // The build goes on if nobody reads its progress. The last line reports the fault.
        output::line(line).ok();
        output::flush().ok();
    };
    let built = hookyard_project::build::build(&folder, &options, &mut progress);
    built.map_err(|error| report::report(&error))
}

/// Returns what the build needs from the host's configuration: the provider, if `wit/` is missing.
pub(crate) fn options(
    path: &Path,
    folder: &Path,
    manifest: &Manifest,
) -> Result<BuildOptions, Failure> {
    if folder.join("wit").is_dir() {
        return Ok(BuildOptions::default());
    }
    // A folder with a provider of its own has the configuration that names it.
    let own = folder.join("hookyard.toml");
    let path = if path.exists() { path } else { &own };
    let provider = provider::find_optional(path, manifest.provider.as_deref())?;
    Ok(BuildOptions { provider })
}

/// Formats a number of bytes.
fn size(bytes: u64) -> String {
    if bytes < 1 << 20 {
        return format!("{} KiB", bytes.div_ceil(1024));
    }
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size(1), "1 KiB");
        assert_eq!(size(69_923), "69 KiB");
        assert_eq!(size(12_270_000), "11.7 MiB");
    }
}
