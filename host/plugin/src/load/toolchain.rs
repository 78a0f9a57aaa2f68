//! Which tools made a component, according to its `producers` sections.
//!
//! A message can then name the remedy for these tools only. A component can claim anything here, so
//! no decision depends on it.

use wasmparser::{
    BinaryReader, CustomSectionReader, KnownCustom, Parser, Payload, ProducersSectionReader,
};

/// The tools that made a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Toolchain {
    /// JavaScript on QuickJS, by `componentize-qjs`.
    QuickJs,
    /// JavaScript on StarlingMonkey, by `componentize-js`.
    JavaScript,
    /// Python, by `componentize-py`.
    Python,
    /// Go, by TinyGo.
    TinyGo,
    /// Go, by its own compiler.
    Go,
    /// Rust.
    Rust,
    /// Other tools, or a component that does not name its tools.
    Unknown,
}

impl Toolchain {
    /// Reads the tools from a component.
    ///
    /// A script engine is written in a language of its own, and names that as well. So the tool
    /// that comes first in the list above counts.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
        let sections = payloads.filter_map(|payload| match payload {
            Payload::CustomSection(section) => producers(&section),
            _ => None,
        });

        sections
            .flat_map(|section| section.into_iter().map_while(Result::ok))
            .flat_map(|field| field.values.into_iter().map_while(Result::ok))
            .map(|value| Self::from_name(value.name))
            .min()
            .unwrap_or(Self::Unknown)
    }

    /// Recognizes the name of a language or of a tool.
    fn from_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        if name.contains("qjs") || name.contains("quickjs") {
            Self::QuickJs
        } else if name.contains("componentizejs")
            || name.contains("componentize-js")
            || name == "javascript"
        {
            Self::JavaScript
        } else if name.contains("componentize-py") || name == "python" {
            Self::Python
        } else if name.contains("tinygo") {
            Self::TinyGo
        } else if name == "go" || name.starts_with("go ") {
            Self::Go
        } else if name == "rust" || name == "rustc" {
            Self::Rust
        } else {
            Self::Unknown
        }
    }

    /// Returns how to build the component for WASI 0.2 without the features that this host does not
    /// offer.
    pub const fn rebuild(self) -> &'static str {
        match self {
            Self::QuickJs => "build it again with `componentize-qjs --sync`",
            Self::JavaScript => {
                "build it again with componentize-js for WASI 0.2, without async exports"
            }
            Self::Python => {
                "build it again with componentize-py for WASI 0.2, without async exports"
            }
            Self::TinyGo => "build it again with `tinygo build -target=wasip2`",
            Self::Go => {
                "build its core module with GOOS=wasip1 and make that a component for WASI 0.2, without async"
            }
            Self::Rust => "build it again for wasm32-wasip2, without async",
            Self::Unknown => {
                "build it again as a component for WASI 0.2, without async (for Rust: --target wasm32-wasip2)"
            }
        }
    }

    /// Returns how to make a component of a core module.
    pub(crate) const fn componentize(self) -> &'static str {
        match self {
            Self::Rust => {
                "build it for wasm32-wasip2, or make it a component with `wasm-tools component new` and the WASI adapter"
            }
            Self::TinyGo => "build it with `tinygo build -target=wasip2`, which makes a component",
            Self::Unknown => {
                "make it a component with `wasm-tools component new` and the WASI adapter (for Rust: build it for \
                 wasm32-wasip2)"
            }
            _ => "make it a component with `wasm-tools component new` and the WASI adapter",
        }
    }

    /// Returns how to build without `wasi:http`, for tools that import it even if a program makes
    /// no requests.
    pub const fn without_requests(self) -> Option<&'static str> {
        match self {
            Self::JavaScript => Some("componentize-js -d http -d fetch-event"),
            _ => None,
        }
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

    fn section(names: &[(&str, &str)]) -> String {
        let text = |text: &str| format!("\\{:02x}{text}", text.len());
        let field = |(field, value): &(&str, &str)| {
            format!("{}\\01{}{}", text(field), text(value), text("1.0"))
        };
        let fields: String = names.iter().map(field).collect();
        format!("(@custom \"producers\" \"\\{:02x}{fields}\")", names.len())
    }

    #[test]
    fn toolchain_is_read_from_producers_sections() {
        let check = |component: &str, module: &str, expected: Toolchain| {
            let text = format!("(component {component} (core module {module}))");
            assert_eq!(
                Toolchain::of(&wat::parse_str(&text).expect("the text is well-formed")),
                expected,
                "{text}"
            );
        };
        check("", "", Toolchain::Unknown);
        check(
            "",
            &section(&[("language", "Rust"), ("processed-by", "rustc")]),
            Toolchain::Rust,
        );
        let script = section(&[
            ("language", "JavaScript"),
            ("processed-by", "ComponentizeJS"),
        ]);
        check(
            &script,
            &section(&[("language", "Rust"), ("processed-by", "clang")]),
            Toolchain::JavaScript,
        );
        check(
            &section(&[("processed-by", "componentize-qjs")]),
            "",
            Toolchain::QuickJs,
        );
        check(
            &section(&[("processed-by", "componentize-py")]),
            "",
            Toolchain::Python,
        );
        check(
            "",
            &section(&[("language", "Go"), ("processed-by", "Go cmd/compile")]),
            Toolchain::Go,
        );
        check(
            "",
            &section(&[("processed-by", "TinyGo")]),
            Toolchain::TinyGo,
        );
        check(
            "",
            "(@custom \"producers\" \"\\ff\\ff\")",
            Toolchain::Unknown,
        );
    }
}
