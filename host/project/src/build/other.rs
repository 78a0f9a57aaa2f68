//! Builds a plugin in a language without a template: runs the command of the manifest, and adds the
//! types of the world to the core module that it writes.

use hookyard_componentize::{StringEncoding, embed, has_component_types};

use super::tool::{Program, find_program};
use super::{BuildError, Output, Workshop};

/// Builds the plugin of a folder.
pub(super) fn build(workshop: &Workshop<'_>) -> Result<Output, BuildError> {
    let Some(other) = &workshop.manifest.other else {
        return Err(BuildError::Source(
            "hookyard.plugin.toml: the table [other] is missing; it has the keys `command` and `module`"
                .into(),
        ));
    };
    let (name, arguments) = other.command.split_first().unwrap_or((&other.module, &[]));
    let program = find_program(name).ok_or_else(|| BuildError::MissingTool {
        tool: name.clone(),
        install: "hookyard.plugin.toml names it in other.command".into(),
    })?;

    workshop.say(&other.command.join(" "));
    Program::new(program)
        .args(arguments)
        .folder(workshop.folder)
        .run()?;
    let module = workshop.read(&workshop.folder.join(&other.module))?;
    if has_component_types(&module) {
        return Ok(Output::Core(module));
    }

    let strings = if other.is_utf16 {
        StringEncoding::Utf16
    } else {
        StringEncoding::Utf8
    };
    let typed = embed(&module, workshop.resolve, workshop.world, strings);
    typed
        .map(Output::Core)
        .map_err(|fault| BuildError::Component {
            tool: other.command.join(" "),
            fault: fault.to_string(),
        })
}
