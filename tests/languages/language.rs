//! The languages, and the tools that they need.

use std::process::{Command, Stdio};

/// A language in which plugins are written, with the engine that runs it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Language {
    /// The name in the tables, such as `typescript-starling`.
    pub(crate) name: &'static str,
    /// The argument of `hookyard new --lang`, and the name of the folders in `examples` and here.
    pub(crate) folder: &'static str,
    /// The argument of `hookyard new --engine`.
    pub(crate) engine: Option<&'static str>,
    /// Programs that must be on the path. One of each group is enough.
    tools: &'static [&'static [&'static str]],
    /// The command that runs the author's unit tests, as the language's page names it.
    pub(crate) unit_tests: &'static str,
}

const NODE: &[&[&str]] = &[&["node"], &["npm"]];
const C: &[&[&str]] = &[&["clang-19", "zig", "python-zig"]];
const CPP: &[&[&str]] = &[&["clang++-19", "zig", "python-zig"]];
const ZIG: &[&[&str]] = &[&["zig", "python-zig"]];

/// All languages, in the order of the table.
pub(crate) const LANGUAGES: &[Language] = &[
    language(
        "rust",
        "rust",
        None,
        &[&["cargo"]],
        "cargo test --quiet --locked",
    ),
    language(
        "typescript",
        "typescript",
        Some("quickjs"),
        NODE,
        "npm test",
    ),
    language(
        "javascript",
        "javascript",
        Some("quickjs"),
        NODE,
        "npm test",
    ),
    language(
        "typescript-starling",
        "typescript",
        Some("starling"),
        NODE,
        "npm test",
    ),
    language(
        "python",
        "python",
        None,
        &[&["python3"]],
        "python3 -m unittest",
    ),
    language("go", "go", None, &[&["go"]], "go test ."),
    language("c", "c", None, C, "make test"),
    language(
        "cpp",
        "cpp",
        None,
        CPP,
        "make test CXX='clang++-19 -stdlib=libc++'",
    ),
    language("zig", "zig", None, ZIG, "make test"),
];

const fn language(
    name: &'static str,
    folder: &'static str,
    engine: Option<&'static str>,
    tools: &'static [&'static [&'static str]],
    unit_tests: &'static str,
) -> Language {
    Language {
        name,
        folder,
        engine,
        tools,
        unit_tests,
    }
}

impl Language {
    /// Whether the engine is QuickJS, whose numbers are exact up to 2^53.
    pub(crate) fn is_quickjs(&self) -> bool {
        self.engine == Some("quickjs")
    }

    /// Returns the tools that are not installed.
    pub(crate) fn missing(&self) -> Option<String> {
        let missing: Vec<_> = self
            .tools
            .iter()
            .filter(|group| !group.iter().any(|tool| is_installed(tool)))
            .map(|group| group.join(" or "))
            .collect();
        (!missing.is_empty()).then(|| missing.join(", "))
    }
}

fn is_installed(tool: &str) -> bool {
    let mut command = match tool {
        "go" => command("go", &["version"]),
        "zig" => command("zig", &["version"]),
        "python-zig" => command("python3", &["-m", "ziglang", "version"]),
        // Debian has the module in a package of its own.
        "python3" => command("python3", &["-c", "import ensurepip, venv"]),
        _ => command(tool, &["--version"]),
    };
    command.status().is_ok_and(|status| status.success())
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
