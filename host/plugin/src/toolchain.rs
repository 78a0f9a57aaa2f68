//! Which tools made a component, as its `producers` sections say: so that a refusal names the remedy of those tools and no
//! others'. Says nothing that a component can't make up; no decision goes by it.

use wasmparser::{BinaryReader, KnownCustom, Parser, Payload, ProducersSectionReader};

/// The tools that a component was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Toolchain {
    /// JavaScript on QuickJS, by `componentize-qjs`.
    QuickJs,
    /// JavaScript on StarlingMonkey, by `componentize-js`.
    JavaScript,
    /// Python, by `componentize-py`.
    Python,
    /// TinyGo.
    TinyGo,
    /// Go, by its own compiler.
    Go,
    /// Rust.
    Rust,
    /// Others, or a component that doesn't say.
    Unknown,
}

impl Toolchain {
    /// Reads what the sections say. An engine for scripts has sections of its own language besides, so the first of the
    /// list above that is found counts.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
        let custom = payloads.filter_map(|payload| match payload {
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Producers(producers) => Some(producers),
                // Of a component, the section is no known one.
                _ if section.name() == "producers" => ProducersSectionReader::new(
                    BinaryReader::new(section.data(), section.data_offset()),
                )
                .ok(),
                _ => None,
            },
            _ => None,
        });
        let fields = custom.flat_map(|producers| producers.into_iter().map_while(Result::ok));
        let values = fields.flat_map(|field| field.values.into_iter().map_while(Result::ok));
        values
            .map(|value| Self::named(value.name))
            .min()
            .unwrap_or(Self::Unknown)
    }

    /// By the name of a language or of a tool.
    fn named(name: &str) -> Self {
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

    /// How to build a component for WASI 0.2, without what this host doesn't run.
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

    /// How to make a component where there is a core module.
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

    /// How to build without the import of `wasi:http` that these tools add to programs that make no request.
    pub const fn without_requests(self) -> Option<&'static str> {
        match self {
            Self::JavaScript => Some("componentize-js -d http -d fetch-event"),
            _ => None,
        }
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
    fn the_tools_are_told_by_the_sections() {
        let check = |component: &str, module: &str, expected: Toolchain| {
            let text = format!("(component {component} (core module {module}))");
            assert_eq!(
                Toolchain::of(&wat::parse_str(&text).expect("it is well-formed")),
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
