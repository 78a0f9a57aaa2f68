//! Verifies a token: a value that is the same in every request, at any place of it.
//!
//! A token proves the sender only as well as the connection keeps it secret, and does not protect
//! the body. In a JSON pointer, `*` stands for every item of an array: senders of batches repeat the
//! token in each item, and every item must have it.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::credential::check_keys;
use super::{Refusal, Request};
use crate::json::string;
use crate::value::{Fields, Place, PlaceKind};
use crate::{JsonPointer, SchemeKind, Secret, SetupError};

const KIND: SchemeKind = SchemeKind::Token;
/// The maximum number of items that are looked at. Senders send batches of hundreds.
const ITEMS_MAX: usize = 10_000;

/// The settings of a source with a token.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The place of the token.
    pub from: Place,
    /// The accepted tokens.
    pub secrets: Vec<Secret>,
}

#[derive(Debug)]
pub(crate) struct TokenVerifier {
    from: Place,
    /// The pointers between the `*`s; a single one means that there is no `*`.
    steps: Vec<JsonPointer>,
    accepted: Vec<Secret>,
}

impl TokenVerifier {
    pub(crate) fn new(settings: Settings) -> Result<Self, SetupError> {
        check_keys("token", &settings.secrets)?;
        let steps = settings.from.kind.pointer().map(steps);
        Ok(Self {
            steps: steps.unwrap_or_default(),
            from: settings.from,
            accepted: settings.secrets,
        })
    }

    pub(crate) fn verify(&self, request: &Request<'_>) -> Result<(), Refusal> {
        let fields = Fields::new(*request);
        if let [first, rest @ ..] = self.steps.as_slice()
            && !rest.is_empty()
        {
            let value = fields.json(first)?;
            return self.check_items(value, rest, &mut 0);
        }

        let given = fields.find(&self.from)?;
        let given = given.ok_or(Refusal::MissingCredential { kind: KIND })?;
        self.check(&given)
    }

    /// Returns the place of the token.
    pub(crate) const fn place(&self) -> &PlaceKind {
        &self.from.kind
    }

    /// Returns the header that holds the token.
    pub(crate) fn header(&self) -> Option<&str> {
        match &self.from.kind {
            PlaceKind::Header(name) => Some(name),
            PlaceKind::Json(_) | PlaceKind::Query(_) | PlaceKind::Form(_) => None,
        }
    }

    /// Checks every item of an array. `steps` lead from an item to its token.
    fn check_items(
        &self,
        array: Option<&RawValue>,
        steps: &[JsonPointer],
        count: &mut usize,
    ) -> Result<(), Refusal> {
        let missing = || Refusal::MissingCredential { kind: KIND };
        let array = array.ok_or_else(missing)?;
        let items: Vec<&RawValue> = serde_json::from_str(array.get()).map_err(|_| missing())?;
        *count += items.len();
        if items.is_empty() || *count > ITEMS_MAX {
            return Err(missing());
        }

        let [step, rest @ ..] = steps else {
            return Err(missing());
        };
        for item in items {
            let value = step.find(item.get().as_bytes())?;
            if rest.is_empty() {
                let token = value.and_then(string).map(Cow::<str>::Owned);
                let parts = token
                    .map(|token| self.from.part.of(token))
                    .unwrap_or_default();
                let [token] = parts.as_slice() else {
                    return Err(missing());
                };
                self.check(token)?;
            } else {
                self.check_items(value, rest, count)?;
            }
        }
        Ok(())
    }

    fn check(&self, given: &str) -> Result<(), Refusal> {
        // All tokens are compared, so that the time does not reveal which one matches.
        let is_accepted = self.accepted.iter().fold(false, |found, token| {
            found | token.matches(given.as_bytes())
        });
        if is_accepted {
            Ok(())
        } else {
            Err(Refusal::WrongCredential { kind: KIND })
        }
    }
}

/// Splits a pointer at its `*`s.
fn steps(pointer: &JsonPointer) -> Vec<JsonPointer> {
    let mut steps = vec![String::new()];
    for token in pointer.as_str().split('/').skip(1) {
        match steps.last_mut() {
            Some(last) if token != "*" => last.extend(["/", token]),
            _ => steps.push(String::new()),
        }
    }
    let pointers = steps
        .iter()
        .map(|step| JsonPointer::parse(step).unwrap_or_default());
    pointers.collect()
}
