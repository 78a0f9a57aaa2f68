//! Follows a JSON pointer to the part that is decoded, and skips everything else.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::container::refuse_scalars;
use super::{Context, Key};
use crate::plan::path::Step;

/// Follows `tokens`, then decodes with `then`.
pub(super) struct Walk<'a, 'de, S> {
    pub(super) tokens: &'a [String],
    pub(super) then: S,
    pub(super) cx: &'a Context<'de>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Walk<'_, 'de, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        if self.tokens.is_empty() {
            return self.then.deserialize(deserializer);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Walk<'_, 'de, S> {
    type Value = S::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{}`", self.tokens[0])
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<S::Value, A::Error> {
        let (cx, token, rest) = (self.cx, &self.tokens[0], &self.tokens[1..]);
        let mut then = Some(self.then);
        let mut found = None;
        while let Some(key) = map.next_key_seed(Key)? {
            if *key != **token {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            found = Some(cx.at(Step::Key(key), || match then.take() {
                Some(then) => map.next_value_seed(Walk {
                    tokens: rest,
                    then,
                    cx,
                }),
                None => Err(cx.fail("this field occurs twice").into_error()),
            })?);
        }
        found.ok_or_else(|| {
            cx.fail(format!(
                "`{token}` is missing, where the event's content is"
            ))
            .into_error()
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<S::Value, A::Error> {
        let (cx, token, rest) = (self.cx, &self.tokens[0], &self.tokens[1..]);
        let absent = || {
            cx.fail(format!(
                "element `{token}` is missing, where the event's content is"
            ))
        };
        let place: usize = token.parse().map_err(|_| absent().into_error())?;
        for _ in 0..place {
            seq.next_element::<IgnoredAny>()?
                .ok_or_else(|| absent().into_error())?;
        }
        let seed = Walk {
            tokens: rest,
            then: self.then,
            cx,
        };
        let found = cx.at(Step::Index(place), || seq.next_element_seed(seed))?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        found.ok_or_else(|| absent().into_error())
    }

    refuse_scalars!();
}

impl<'de, S> Walk<'_, 'de, S> {
    fn refuse<T, E: serde::de::Error>(&self, found: &str) -> Result<T, E> {
        Err(self
            .cx
            .fail(format!(
                "found {found}, wanted an object with `{}`",
                self.tokens[0]
            ))
            .into_error())
    }
}
