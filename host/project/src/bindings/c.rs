//! Bindings for C.

use super::{Input, NOTICE};
use crate::build::BuildError;
use crate::files::Files;

/// Returns the bindings for the world of a plugin.
pub(super) fn files(input: &Input<'_>) -> Result<Files, BuildError> {
    // `build` adds the types of the world to the module, so no object file is needed.
    let options = wit_bindgen_c::Opts {
        no_object_file: true,
        ..Default::default()
    };
    let mut generated = wit_bindgen_core::Files::default();
    options
        .build()
        .generate(&mut input.resolve.clone(), input.world, &mut generated)
        .map_err(|error| BuildError::Bindings(format!("{error:#}")))?;

    let mut files = Files::default();
    for (path, content) in generated.iter() {
        let mut text = format!("// {NOTICE}\n{}", String::from_utf8_lossy(content));
        if path.ends_with(".c") {
            // The generated code refers to a function of the object file.
            text.push_str("\nvoid __component_type_object_force_link_plugin(void) {}\n");
        }
        files.add(path, text);
    }
    Ok(files)
}
