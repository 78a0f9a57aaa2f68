//! Integers: which of WIT's types holds them.

/// An integer type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Integer {
    S32,
    S64,
    U32,
    U64,
}

impl Integer {
    /// Returns the narrowest type that holds the values of both.
    pub(super) fn wider(self, other: Self) -> Self {
        match (self, other) {
            (one, another) if one == another => one,
            (Self::U32 | Self::U64, Self::U32 | Self::U64) => Self::U64,
            _ => Self::S64,
        }
    }

    /// Returns the type that says more, of two that both hold.
    pub(super) fn narrower(self, other: Self) -> Self {
        match (self, other) {
            (Self::S64, it) | (it, Self::S64) => it,
            (Self::U64, it) | (it, Self::U64) => it,
            (it, _) => it,
        }
    }
}
