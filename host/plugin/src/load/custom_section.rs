//! Finds custom sections of a component and of everything that is nested in it.
//!
//! A tool that makes a component of a core module keeps the custom sections of the module.

use wasmparser::{Parser, Payload};

/// Returns the contents of all custom sections with this name, in their order. The search ends
/// where the bytes cannot be parsed.
pub fn custom_sections<'b>(bytes: &'b [u8], name: &str) -> Vec<&'b [u8]> {
    let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    let contents = payloads.filter_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == name => Some(section.data()),
        _ => None,
    });
    contents.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_sections_are_found_at_every_depth() {
        let text = r#"(component (@custom "mine" "a") (@custom "other" "x")
            (core module (@custom "mine" "b"))
            (component (core module (@custom "mine" "c"))))"#;
        let bytes = wat::parse_str(text).expect("the text is well-formed");

        assert_eq!(custom_sections(&bytes, "mine").concat().len(), 3);
        assert_eq!(custom_sections(&bytes, "missing"), Vec::<&[u8]>::new());
        for end in 0..bytes.len() {
            assert!(custom_sections(&bytes[..end], "mine").len() <= 3);
        }
        assert_eq!(
            custom_sections(b"no component", "mine"),
            Vec::<&[u8]>::new()
        );
    }
}
