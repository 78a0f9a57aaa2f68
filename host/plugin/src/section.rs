//! Custom sections of a component, and of whatever is nested in it. What a core module brings in such a section is still
//! there once a component has been made of the module.

use wasmparser::{Parser, Payload};

/// The contents of all custom sections of that name, in their order. What can't be parsed ends the search.
pub fn sections<'b>(bytes: &'b [u8], name: &str) -> Vec<&'b [u8]> {
    let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    let custom = payloads.filter_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == name => Some(section.data()),
        _ => None,
    });
    custom.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_at_every_depth_and_broken_bytes_have_none() {
        let text = r#"(component (@custom "mine" "a") (@custom "other" "x")
            (core module (@custom "mine" "b"))
            (component (core module (@custom "mine" "c"))))"#;
        let bytes = wat::parse_str(text).expect("it is well-formed");
        assert_eq!(sections(&bytes, "mine").concat().len(), 3);
        assert_eq!(sections(&bytes, "nobody's"), Vec::<&[u8]>::new());
        for end in 0..bytes.len() {
            assert!(sections(&bytes[..end], "mine").len() <= 3);
        }
        assert_eq!(sections(b"no component", "mine"), Vec::<&[u8]>::new());
    }
}
