//! Records in a module or component which tools made it.

use wasm_metadata::Producers;

use crate::Error;

/// Returns a module or component that names another tool in its `producers` section.
///
/// # Errors
///
/// Fails if the bytes are not those of a module or component.
pub fn add_tool(bytes: &[u8], name: &str, version: &str) -> Result<Vec<u8>, Error> {
    let mut tools = Producers::empty();
    tools.add("processed-by", name, version);

    tools
        .add_to_wasm(bytes)
        .map_err(|error| Error::invalid(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::module;

    #[test]
    fn tools_are_added_to_earlier_tools() {
        for text in ["(module)", "(component)"] {
            let once = add_tool(&module(text), "first", "1.0").expect("added");
            let twice = add_tool(&once, "second", "2.0").expect("added");

            let producers = Producers::from_wasm(&twice).expect("read").expect("there");
            let tools = producers.get("processed-by").expect("there");
            assert_eq!(tools.get("first").map(String::as_str), Some("1.0"));
            assert_eq!(tools.get("second").map(String::as_str), Some("2.0"));
        }
        assert!(add_tool(b"text", "first", "1.0").is_err());
    }
}
