//! The way from the compiler's result to the component: types, adapter, stripping, the names of the
//! tools, and fixtures.

use std::borrow::Cow;

use hookyard_componentize::{self as componentize, StringEncoding};
use wasm_encoder::{ComponentSection as _, CustomSection};

use super::strip::strip;
use super::{BuildError, Output, Workshop, missing_import};
use crate::VERSION;

/// The custom section that the host reads fixtures from.
const FIXTURES: &str = "hookyard:fixtures";

/// Makes the component of a plugin.
pub(super) fn component(
    workshop: &Workshop<'_>,
    output: Output,
    fixtures: Option<&[u8]>,
) -> Result<Vec<u8>, BuildError> {
    let fault = |error: componentize::Error| {
        let fault = error.to_string();
        match missing_import::explain(&fault) {
            Some(explanation) => BuildError::Source(explanation),
            None => BuildError::Component {
                tool: format!("the compiler for {}", workshop.manifest.language.title()),
                fault,
            },
        }
    };
    let component = match output {
        Output::Component(component) => component,
        Output::Core(module) if componentize::has_component_types(&module) => {
            componentize::component(&module).map_err(fault)?
        }
        Output::Core(module) => {
            let (resolve, world) = (workshop.resolve, workshop.world);
            let typed = componentize::embed(&module, resolve, world, StringEncoding::Utf8);
            componentize::component(&typed.map_err(fault)?).map_err(fault)?
        }
    };

    let sdk = format!("hookyard-sdk-{}", workshop.manifest.language);
    let component = componentize::add_tool(&strip(&component), &sdk, VERSION).map_err(fault)?;
    let mut component = componentize::add_tool(&component, "hookyard", VERSION).map_err(fault)?;
    if let Some(fixtures) = fixtures {
        add_section(&mut component, FIXTURES, fixtures);
    }
    Ok(component)
}

/// Adds a custom section to the end of a component.
fn add_section(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    let section = CustomSection {
        name: name.into(),
        data: Cow::Borrowed(data),
    };
    section.append_to_component(component);
}
