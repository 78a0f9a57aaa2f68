//! The languages that `hookyard` has templates and SDKs for.

use std::fmt;

use crate::similar;

/// A language in which plugins are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// Rust.
    Rust,
    /// TypeScript.
    TypeScript,
    /// JavaScript.
    JavaScript,
    /// Python.
    Python,
    /// Go.
    Go,
    /// C.
    C,
    /// C++.
    Cpp,
    /// Zig.
    Zig,
    /// A language without a template; the manifest has the command that makes the core module.
    Other,
}

impl Language {
    /// All languages with a template, in the order of lists and messages.
    pub const ALL: [Self; 8] = [
        Self::Rust,
        Self::TypeScript,
        Self::JavaScript,
        Self::Python,
        Self::Go,
        Self::C,
        Self::Cpp,
        Self::Zig,
    ];

    /// Returns the name in manifests, and the name of the folder in `examples/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::TypeScript => "typescript",
            Self::JavaScript => "javascript",
            Self::Python => "python",
            Self::Go => "go",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::Zig => "zig",
            Self::Other => "other",
        }
    }

    /// Returns the name as people write it, such as `C++`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::TypeScript => "TypeScript",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
            Self::Go => "Go",
            Self::C => "C",
            Self::Cpp => "C++",
            Self::Zig => "Zig",
            Self::Other => "another language",
        }
    }

    /// Returns the name of the folder in `plugins/sdk/`. JavaScript and TypeScript share one.
    pub fn sdk(self) -> &'static str {
        if self == Self::TypeScript {
            return Self::JavaScript.name();
        }
        self.name()
    }

    /// Whether the language runs on a JavaScript engine.
    pub fn has_engine(self) -> bool {
        matches!(self, Self::TypeScript | Self::JavaScript)
    }

    /// Returns the language of a name or of a common short form.
    ///
    /// # Errors
    ///
    /// Returns [`UnknownLanguage`] with the most similar name.
    pub fn parse(text: &str) -> Result<Self, UnknownLanguage> {
        let lower = text.to_ascii_lowercase();
        let short = match lower.as_str() {
            "rs" => Some(Self::Rust),
            "ts" => Some(Self::TypeScript),
            "js" => Some(Self::JavaScript),
            "py" | "python3" => Some(Self::Python),
            "golang" => Some(Self::Go),
            "c++" | "cxx" | "cc" => Some(Self::Cpp),
            _ => None,
        };
        let language = Self::ALL
            .into_iter()
            .find(|language| language.name() == lower);

        language.or(short).ok_or_else(|| UnknownLanguage {
            similar: similar::closest(&lower, Self::ALL.iter().map(|language| language.name())),
            given: text.to_owned(),
        })
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The error for a language that has no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown language `{given}`{}; the languages are rust, typescript (ts), javascript (js), \
     python (py), go, c, cpp and zig",
    similar::hint(.similar.as_deref())
)]
pub struct UnknownLanguage {
    /// The text as given.
    pub given: String,
    /// The most similar language, if one is similar.
    pub similar: Option<String>,
}

/// The engine that runs a plugin in JavaScript or TypeScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Engine {
    /// QuickJS: small components that build in seconds.
    #[default]
    QuickJs,
    /// StarlingMonkey: web APIs and exact 64-bit integers.
    StarlingMonkey,
}

impl Engine {
    /// Returns the name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::QuickJs => "quickjs",
            Self::StarlingMonkey => "starling",
        }
    }

    /// Returns the engine of a name.
    ///
    /// # Errors
    ///
    /// Returns [`UnknownEngine`] for any name other than `quickjs` and `starling`.
    pub fn parse(text: &str) -> Result<Self, UnknownEngine> {
        match text {
            "quickjs" => Ok(Self::QuickJs),
            "starling" | "starlingmonkey" => Ok(Self::StarlingMonkey),
            _ => Err(UnknownEngine(text.to_owned())),
        }
    }
}

/// The error for an unknown JavaScript engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown engine `{0}`; the engines are quickjs and starling")]
pub struct UnknownEngine(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_short_forms_are_languages() {
        for (text, expected) in [
            ("rust", Language::Rust),
            ("ts", Language::TypeScript),
            ("TypeScript", Language::TypeScript),
            ("javascript", Language::JavaScript),
            ("py", Language::Python),
            ("c++", Language::Cpp),
            ("c", Language::C),
        ] {
            assert_eq!(Language::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn unknown_language_names_a_similar_one() {
        let message = |text| Language::parse(text).expect_err(text).to_string();

        assert!(
            message("pyton").starts_with("unknown language `pyton`; did you mean `python`?"),
            "{}",
            message("pyton")
        );
        assert!(message("swift").starts_with("unknown language `swift`; the languages are rust,"));
    }

    #[test]
    fn engines_have_names() {
        for engine in [Engine::QuickJs, Engine::StarlingMonkey] {
            assert_eq!(Engine::parse(engine.name()), Ok(engine));
        }
        let error = Engine::parse("v8").expect_err("unknown");
        assert_eq!(
            error.to_string(),
            "unknown engine `v8`; the engines are quickjs and starling"
        );
    }
}
