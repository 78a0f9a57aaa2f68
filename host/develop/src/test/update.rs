//! Writes a found result into the file of a fixture. Everything else in the file stays as it is.

use std::fs;
use std::path::Path;

use hookyard_schemes::JsonPointer;

use crate::json::{self, Json};

/// Writes the found result as `expect` into a fixture's file, whose content was `text`.
pub(crate) fn write(file: &Path, text: &str, found: &Json) -> Result<(), String> {
    let updated = updated(text, found);
    fs::write(file, updated).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

fn updated(text: &str, found: &Json) -> String {
    let pointer = JsonPointer::parse("/expect").expect("a valid pointer");
    if let Some(updated) = json::replace(text, &pointer, &found.pretty(2)) {
        return updated;
    }

    // A fixture is an object with an event, so there is a member before the closing brace.
    let end = text.rfind('}').unwrap_or(text.len());
    let before = text[..end].trim_end();
    format!(
        "{before},\n  \"expect\": {}\n{}",
        found.pretty(2),
        &text[end..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_of_the_file_is_kept() {
        let found = Json::Object(vec![("outcome".into(), Json::text("done"))]);

        assert_eq!(
            updated(
                "{ \"expect\": {\"outcome\":\"retry\"},\n \"event\": {\"a\":1.0} }\n",
                &found
            ),
            "{ \"expect\": { \"outcome\": \"done\" },\n \"event\": {\"a\":1.0} }\n"
        );
        assert_eq!(
            updated("{\n  \"event\": {}\n}\n", &found),
            "{\n  \"event\": {},\n  \"expect\": { \"outcome\": \"done\" }\n}\n"
        );
    }
}
