//! `hookyard new`: makes the folder of a plugin, which builds at once.

use std::path::Path;

use clap::Args;
use hookyard_project::{Engine, Language, NewError, NewPlugin};

use crate::cli::Failure;
use crate::cli::shared::imports::ImportArguments;
use crate::cli::shared::{provider, report};
use crate::output;

/// The arguments of `hookyard new`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The name of the plugin and of the folder that the command makes here
    name: String,
    /// The provider whose events the plugin handles
    #[arg(long, value_name = "NAME", required_unless_present = "untyped")]
    provider: Option<String>,
    /// The language: rust, typescript (ts), javascript (js), python (py), go, c, cpp or zig
    #[arg(long, value_name = "LANGUAGE", value_parser = Language::parse)]
    lang: Language,
    /// The engine for JavaScript and TypeScript: quickjs (small and quick) or starling (exact 64-bit
    /// integers and web APIs) [default: quickjs]
    #[arg(long, value_name = "ENGINE", value_parser = Engine::parse)]
    engine: Option<Engine>,
    /// Handle raw bytes instead of the provider's types
    #[arg(long)]
    untyped: bool,
    #[command(flatten)]
    imports: ImportArguments,
}

/// Makes the folder in the current folder, and prints the next commands.
pub(crate) fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let plugin = NewPlugin {
        name: arguments.name,
        language: arguments.lang,
        engine: arguments.engine,
        provider: provider::find_optional(path, arguments.provider.as_deref())?,
        is_untyped: arguments.untyped,
        imports: arguments.imports.imports(),
    };
    let created = hookyard_project::new::new(Path::new("."), &plugin).map_err(failure)?;

    output::line(format_args!(
        "made {}/, a plugin in {}",
        plugin.name,
        plugin.language.title()
    ))?;
    output::line("next:")?;
    for command in created.next {
        output::line(format_args!("  {command}"))?;
    }
    Ok(())
}

/// Tells wrong arguments from other failures.
fn failure(error: NewError) -> Failure {
    match error {
        NewError::Name(_) | NewError::NoProvider | NewError::NoEngine(_) => {
            Failure::Arguments(error.to_string())
        }
        _ => report::report(&error),
    }
}
