//! Why a module cannot become a component.

/// Why a module cannot become a component.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are something other than a binary core module.
    #[error("it is not a binary core module")]
    NotCoreModule,
    /// The module does not say which interfaces it imports and exports.
    #[error("it has no section `component-type`, which describes its imports and exports")]
    NoComponentTypes,
    /// The module is a program that runs once, from `main`. It would not be initialized.
    #[error(
        "it is a program that runs `main` and ends (it exports `_start`); build it as a reactor, which exports \
         `_initialize`"
    )]
    Command,
    /// The module does not fit its types, or it is broken.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    /// Writes an error and its causes in one line.
    pub(crate) fn invalid(error: &dyn std::fmt::Display) -> Self {
        let text = format!("{error:#}");
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        Self::Invalid(lines.join(" "))
    }
}
