//! Reads `[scheme.verifier]`: the component that verifies a provider's requests.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use hookyard_schemes::component::Rule;
use hookyard_schemes::value::Place;

use crate::document::{Entry, Section};

/// The maximum distance of a signed time from now, if the provider does not name one.
const TOLERANCE: Duration = Duration::from_secs(300);

/// Reads the table.
pub(super) fn read(section: &Section<'_>) -> Option<Rule> {
    let component = section.require::<PathBuf>(
        "component",
        "the file of the verifier in the folder of the provider, such as \"verifier.wasm\"",
    );
    let tolerance = section.get_or("tolerance", TOLERANCE);
    let headers = section.entry("credential_headers");
    let headers = headers.map(|entry| entry.items()).unwrap_or_default();
    let headers = headers.iter().map(header).collect::<Option<_>>();

    let component = component?;
    if !is_file_name(&component) {
        section.entry("component")?.fault(
            "must be the name of a file in the folder of the provider, such as \"verifier.wasm\"",
        );
        return None;
    }
    Some(Rule {
        component,
        tolerance,
        credential_headers: headers?,
    })
}

/// Reads the name of a header. Returns the name in lower case.
fn header(entry: &Entry<'_>) -> Option<String> {
    let place = Place::header(&entry.get::<String>()?);
    let place = place.map_err(|error| entry.fault(error)).ok()?;
    place.whole_header().map(str::to_owned)
}

fn is_file_name(path: &Path) -> bool {
    let mut parts = path.components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    )
}
