//! Reads the names that tell which tools made a file.
//!
//! Most tools write their names into `producers` sections. The tools of two script engines and
//! AssemblyScript do not, but they use names of their own in the component or module.

use std::collections::BTreeSet;

use wasmparser::{
    BinaryReader, ComponentAlias, CustomSectionReader, KnownCustom, Parser, Payload,
    ProducersSectionReader,
};

/// The maximum number of names of one part that are looked at.
const NAMES_MAX: usize = 200;
/// The maximum size of a name that is looked at, in bytes.
const NAME_BYTES_MAX: usize = 200;
/// The beginning of the name of a custom section with the types of a component. Its content is a
/// component, which names the tool that generated the bindings.
const COMPONENT_TYPE: &str = "component-type";
/// The runtimes of script engines that are parts of a component.
const RUNTIMES: [&str; 2] = ["componentize_qjs", "componentize_py"];

/// The import that a module of AssemblyScript reports its failures to.
const ABORT: (&str, &str) = ("env", "abort");

/// The names that one module or component contains, in lower case.
pub(super) type Names = BTreeSet<String>;

/// Returns the names in each module and component of a file, as far as it can be parsed.
pub(super) fn by_part(bytes: &[u8]) -> Vec<Names> {
    let mut ended = Vec::new();
    let mut open: Vec<Names> = Vec::new();

    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::Version { .. } => open.push(Names::new()),
            Payload::End(_) => ended.extend(open.pop().filter(|names| !names.is_empty())),
            payload => {
                if let Some(names) = open.last_mut() {
                    add(&payload, names);
                }
            }
        }
    }
    ended.extend(open);
    ended
}

fn add(payload: &Payload<'_>, names: &mut Names) {
    match payload {
        Payload::CustomSection(section) if section.name().starts_with(COMPONENT_TYPE) => {
            let nested = Parser::new(0).parse_all(section.data());
            for payload in nested.map_while(Result::ok) {
                if let Payload::CustomSection(section) = payload {
                    add_producers(&section, names);
                }
            }
        }
        Payload::CustomSection(section) => add_producers(section, names),
        Payload::ImportSection(section) => {
            let mut imports = section.clone().into_imports().map_while(Result::ok);
            if imports.any(|import| (import.module, import.name) == ABORT) {
                add_name("assemblyscript", names);
            }
        }
        Payload::ComponentAliasSection(section) => {
            for alias in section.clone().into_iter().map_while(Result::ok) {
                if let ComponentAlias::CoreInstanceExport { name, .. } = alias {
                    let runtime = RUNTIMES.iter().find(|runtime| name.contains(*runtime));
                    names.extend(runtime.map(|runtime| (*runtime).to_owned()));
                }
            }
        }
        _ => {}
    }
}

fn add_producers(section: &CustomSectionReader<'_>, names: &mut Names) {
    let fields = producers(section).into_iter().flatten();
    for field in fields.map_while(Result::ok) {
        for value in field.values.into_iter().map_while(Result::ok) {
            add_name(value.name, names);
        }
    }
}

fn add_name(name: &str, names: &mut Names) {
    if names.len() < NAMES_MAX && name.len() <= NAME_BYTES_MAX {
        names.insert(name.to_ascii_lowercase());
    }
}

fn producers<'b>(section: &CustomSectionReader<'b>) -> Option<ProducersSectionReader<'b>> {
    match section.as_known() {
        KnownCustom::Producers(producers) => Some(producers),
        // The parser knows this section in core modules only. Components have it as well.
        _ if section.name() == "producers" => {
            let reader = BinaryReader::new(section.data(), section.data_offset());
            ProducersSectionReader::new(reader).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_own_names() {
        let producers = |name: &str| {
            let (length, field) = (name.len(), "\\01\\0cprocessed-by\\01");
            format!("(@custom \"producers\" \"{field}\\{length:02x}{name}\\011\")")
        };
        let text = format!(
            "(component {} (core module {}) (core module))",
            producers("Outer"),
            producers("Inner")
        );
        let bytes = wat::parse_str(&text).expect("the text is well-formed");

        let names = |name: &str| Names::from([name.to_owned()]);
        assert_eq!(by_part(&bytes), [names("inner"), names("outer")]);
        for end in 0..bytes.len() {
            assert!(by_part(&bytes[..end]).len() <= 2);
        }
    }

    #[test]
    fn bindings_generator_is_found_in_component_types() {
        let producers = "\\00\\21\\09producers\\01\\0cprocessed-by\\01\\05bindC\\011";
        let component = format!("\\00asm\\0d\\00\\01\\00{producers}");
        let text = format!("(module (@custom \"component-type:x\" \"{component}\"))");
        let bytes = wat::parse_str(&text).expect("the text is well-formed");

        assert_eq!(by_part(&bytes), [Names::from(["bindc".to_owned()])]);
    }
}
