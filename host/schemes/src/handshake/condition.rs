//! Which requests ask for a handshake.

use crate::value::{Fields, Place};

/// The requests that ask for a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The method.
    pub method: HandshakeMethod,
    /// The values that the request has; all tests must pass.
    pub tests: Vec<Test>,
}

/// A value that a request must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// The place of the value.
    pub place: Place,
    /// The value; `None` if every value passes.
    pub equals: Option<String>,
}

/// The method of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeMethod {
    /// `GET`
    Get,
    /// `OPTIONS`
    Options,
    /// `POST`
    Post,
}

impl HandshakeMethod {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::Get, Self::Options, Self::Post];

    /// Returns the method as requests name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Options => "OPTIONS",
            Self::Post => "POST",
        }
    }

    /// Returns whether the body of a request with this method has a meaning (RFC 9110, 9.3).
    pub const fn has_body(self) -> bool {
        matches!(self, Self::Post)
    }
}

impl Condition {
    /// Returns whether a request asks for the handshake. A value that is missing, repeated or
    /// unreadable passes no test.
    pub(super) fn holds(&self, fields: &Fields<'_>) -> bool {
        let passes = |test: &Test| {
            let found = fields.get(&test.place);
            found.is_ok_and(|value| test.equals.as_ref().is_none_or(|wanted| *wanted == *value))
        };
        self.method.name() == fields.request().method && self.tests.iter().all(passes)
    }
}
