//! Which tools made a component or a core module.
//!
//! A message can then name the remedy for these tools only. A file can claim anything, so no
//! decision about safety depends on it.

mod names;

use self::names::Names;

/// The beginning of the name that an SDK of Hookyard has in a `producers` section. The language
/// follows.
const SDK: &str = "hookyard-sdk-";

/// The tools that made a component.
///
/// A script engine is written in a language of its own, and a component of C contains an adapter
/// that is written in Rust. So of all languages in a component, the one that comes first here
/// counts.
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
    /// Zig.
    Zig,
    /// C++.
    Cpp,
    /// C.
    C,
    /// AssemblyScript.
    AssemblyScript,
    /// Rust.
    Rust,
    /// Other tools, or a component that does not name its tools.
    Unknown,
}

/// What a file says about the tools that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tools {
    pub(crate) toolchain: Toolchain,
    /// Whether an SDK of Hookyard is part of the component.
    pub(crate) has_sdk: bool,
}

impl Tools {
    /// Reads the tools from a component or a core module, as far as it can be parsed.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut tools = Self {
            toolchain: Toolchain::Unknown,
            has_sdk: false,
        };
        for names in names::by_part(bytes) {
            tools.has_sdk |= names.iter().any(|name| name.starts_with(SDK));
            tools.toolchain = tools.toolchain.min(Toolchain::of_part(&names));
        }
        tools
    }
}

impl Toolchain {
    /// Returns the tools of one module or component, by the names in its sections.
    fn of_part(names: &Names) -> Self {
        let known = names.iter().map(|name| Self::from_name(name));
        let first = known.min().unwrap_or(Self::Unknown);

        // The standard library of Rust contains parts that are written in C.
        let is_rust = names.iter().any(|name| Self::from_name(name) == Self::Rust);
        match first {
            Self::Cpp | Self::C if is_rust => Self::Rust,
            first => first,
        }
    }

    /// Recognizes the name of a language or of a tool, in lower case.
    fn from_name(name: &str) -> Self {
        match name {
            "javascript" | "componentizejs" => Self::JavaScript,
            "hookyard-sdk-javascript" | "hookyard-sdk-typescript" => Self::JavaScript,
            "python" | "hookyard-sdk-python" => Self::Python,
            "go" | "hookyard-sdk-go" => Self::Go,
            "zig" | "hookyard-sdk-zig" => Self::Zig,
            "wit-bindgen-cpp" | "hookyard-sdk-cpp" => Self::Cpp,
            "wit-bindgen-c" | "hookyard-sdk-c" => Self::C,
            "rust" | "rustc" | "wit-bindgen-rust" | "hookyard-sdk-rust" => Self::Rust,
            "assemblyscript" => Self::AssemblyScript,
            _ => Self::from_part_of_name(name),
        }
    }

    fn from_part_of_name(name: &str) -> Self {
        const PARTS: [(&str, Toolchain); 10] = [
            ("qjs", Toolchain::QuickJs),
            ("quickjs", Toolchain::QuickJs),
            ("componentize-js", Toolchain::JavaScript),
            ("componentize-py", Toolchain::Python),
            ("componentize_py", Toolchain::Python),
            ("tinygo", Toolchain::TinyGo),
            ("go cmd/", Toolchain::Go),
            ("wit-bindgen-go", Toolchain::Go),
            ("c_plus_plus", Toolchain::Cpp),
            ("clang", Toolchain::C),
        ];

        // The standard that C was compiled by is part of the language's name, as in `C11`.
        let standard = name.strip_prefix('c').unwrap_or_default();
        let is_c = !standard.is_empty() && standard.bytes().all(|byte| byte.is_ascii_digit());
        let found = PARTS.iter().find(|(part, _)| name.contains(part));
        match found {
            Some((_, toolchain)) => *toolchain,
            None if is_c => Self::C,
            None => Self::Unknown,
        }
    }

    /// Returns how to build the component for WASI 0.2 without the features that this host does not
    /// offer.
    pub const fn rebuild(self) -> &'static str {
        match self {
            Self::QuickJs => {
                "build it again with `hookyard build`, or with `componentize-qjs --sync`"
            }
            Self::JavaScript => {
                "build it again with `hookyard build`, or with componentize-js for WASI 0.2 and without async exports"
            }
            Self::Python => {
                "build it again with `hookyard build`, or with componentize-py for WASI 0.2 and without async exports"
            }
            Self::TinyGo => "build it again with `tinygo build -target=wasip2`",
            Self::Go => {
                "build it again with `hookyard build`, or with wit-bindgen-go for WASI 0.2 and without async"
            }
            Self::C | Self::Cpp | Self::Zig => {
                "build it again with `hookyard build`, or with wit-bindgen for WASI 0.2 and without async"
            }
            Self::Rust => "build it again with `cargo build --target wasm32-wasip2`, without async",
            Self::AssemblyScript | Self::Unknown => {
                "build it again as a component for WASI 0.2, without async (for Rust: --target wasm32-wasip2)"
            }
        }
    }

    /// Returns how to build so that a core module has the types that make it a component.
    pub(crate) const fn componentize(self) -> &'static str {
        match self {
            Self::Rust => {
                "build it with `hookyard build`, or with wit-bindgen and `cargo build --target wasm32-wasip2`"
            }
            Self::TinyGo => {
                "build it with `tinygo build -target=wasip2 --wit-package wit --wit-world plugin`, which makes a component"
            }
            Self::Go => {
                "build it with `hookyard build`, or add its types with `wasm-tools component embed wit --world plugin`"
            }
            Self::C | Self::Cpp | Self::Zig => {
                "build it with `hookyard build`, or link the file plugin_component_type.o that wit-bindgen writes"
            }
            Self::AssemblyScript => {
                "add its types with `wasm-tools component embed wit --world plugin --encoding utf16`"
            }
            Self::QuickJs | Self::JavaScript | Self::Python | Self::Unknown => {
                "build it with `hookyard build`, or add its types with `wasm-tools component embed wit --world plugin` \
                 (for Rust: use wit-bindgen and --target wasm32-wasip2)"
            }
        }
    }

    /// Returns the command that writes the folder of a plugin in this language.
    pub(crate) const fn new_command(self) -> &'static str {
        match self {
            Self::QuickJs | Self::JavaScript => "`hookyard new <name> --lang ts`",
            Self::Python => "`hookyard new <name> --lang py`",
            Self::TinyGo | Self::Go => "`hookyard new <name> --lang go`",
            Self::Zig => "`hookyard new <name> --lang zig`",
            Self::Cpp => "`hookyard new <name> --lang cpp`",
            Self::C => "`hookyard new <name> --lang c`",
            Self::Rust => "`hookyard new <name> --lang rust`",
            Self::AssemblyScript | Self::Unknown => "`hookyard new`",
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

    fn tool(name: &str) -> String {
        section(&[("processed-by", name)])
    }

    fn tools(text: &str) -> Tools {
        Tools::of(&wat::parse_str(text).expect("the text is well-formed"))
    }

    #[test]
    fn toolchain_is_read_from_producers_sections() {
        let check = |component: &str, module: &str, expected: Toolchain| {
            let text = format!("(component {component} (core module {module}))");
            assert_eq!(tools(&text).toolchain, expected, "{text}");
        };
        let rust = section(&[("language", "Rust"), ("processed-by", "rustc")]);
        check("", "", Toolchain::Unknown);
        check("", &rust, Toolchain::Rust);
        let script = section(&[
            ("language", "JavaScript"),
            ("processed-by", "ComponentizeJS"),
        ]);
        check(&script, &rust, Toolchain::JavaScript);
        check(&tool("componentize-qjs"), "", Toolchain::QuickJs);
        check(&tool("componentize-py"), "", Toolchain::Python);
        check(
            "",
            &section(&[("language", "Go"), ("processed-by", "Go cmd/compile")]),
            Toolchain::Go,
        );
        check("", &tool("TinyGo"), Toolchain::TinyGo);
        check("", &tool("Debian clang"), Toolchain::C);
        check("", &section(&[("language", "C11")]), Toolchain::C);
        let cpp = section(&[("language", "C99"), ("language", "C_plus_plus_14")]);
        check("", &cpp, Toolchain::Cpp);
        check("", &tool("wit-bindgen-cpp"), Toolchain::Cpp);
        check(
            "",
            "(@custom \"producers\" \"\\ff\\ff\")",
            Toolchain::Unknown,
        );
    }

    #[test]
    fn rust_and_c_are_told_apart() {
        let part = |names: &[&str]| {
            let fields: Vec<_> = names.iter().map(|name| ("processed-by", *name)).collect();
            format!("(core module {})", section(&fields))
        };
        let toolchain = |parts: &[String]| {
            let text = format!("(component {})", parts.concat());
            tools(&text).toolchain
        };

        let adapter = part(&["rustc"]);
        let of_c = part(&["clang", "wit-bindgen-c"]);
        assert_eq!(toolchain(&[of_c, adapter.clone()]), Toolchain::C);
        let of_rust = part(&["wit-bindgen-rust", "wit-bindgen-c"]);
        assert_eq!(toolchain(&[of_rust, adapter]), Toolchain::Rust);
    }

    #[test]
    fn tools_are_recognized_without_producers() {
        let component = |name: &str| {
            let export = format!("{name}:memory_base");
            format!(
                "(component
                   (core module $m (global (export \"{export}\") i32 (i32.const 0)))
                   (core instance $i (instantiate $m))
                   (alias core export $i \"{export}\" (core global)))"
            )
        };
        let toolchain = |name: &str| tools(&component(name)).toolchain;
        assert_eq!(
            toolchain("componentize_qjs_runtime.wasm"),
            Toolchain::QuickJs
        );
        assert_eq!(
            toolchain("libcomponentize_py_runtime.so"),
            Toolchain::Python
        );
        assert_eq!(toolchain("libc.so"), Toolchain::Unknown);

        let abort = r#"(module (import "env" "abort" (func (param i32 i32 i32 i32))))"#;
        assert_eq!(tools(abort).toolchain, Toolchain::AssemblyScript);
    }

    #[test]
    fn sdk_names_itself_and_its_language() {
        let of = |name: &str| tools(&format!("(module {})", tool(name)));
        assert_eq!(
            of("hookyard-sdk-zig"),
            Tools {
                toolchain: Toolchain::Zig,
                has_sdk: true
            }
        );
        assert_eq!(of("hookyard-sdk-c").toolchain, Toolchain::C);
        assert!(!of("clang").has_sdk);
    }
}
