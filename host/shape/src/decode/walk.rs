//! Follows a JSON pointer to the part that is decoded, and skips everything else.

use super::reader::Kind;
use super::{Decoded, Decoder, Fault};
use crate::path::Step;
use crate::{Output, Plan};

impl<'de, O: Output> Decoder<'de, O> {
    /// Follows the tokens of a pointer, then decodes.
    pub(super) fn walk(&mut self, tokens: &[String], plan: &Plan) -> Decoded<'de, O::Value> {
        let Some((token, rest)) = tokens.split_first() else {
            return self.value(plan);
        };
        match self.reader.kind()? {
            Kind::Object => self.walk_object(token, rest, plan),
            Kind::Array => self.walk_array(token, rest, plan),
            kind => Err(Fault::new(format!(
                "found {}, wanted an object with `{token}`",
                kind.name()
            ))),
        }
    }

    fn walk_object(&mut self, token: &str, rest: &[String], plan: &Plan) -> Decoded<'de, O::Value> {
        let (mut found, mut is_first) = (None, true);
        self.reader.enter();
        while let Some(key) = self.next_key(is_first)? {
            is_first = false;
            if *key != *token {
                self.reader.value()?;
                continue;
            }
            let value = match found {
                None => self.walk(rest, plan),
                Some(_) => Err(Fault::new("this field occurs twice")),
            };
            found = Some(value.map_err(|fault| fault.at(Step::Key(key)))?);
        }
        found.ok_or_else(|| {
            Fault::new(format!(
                "`{token}` is missing, where the event's content is"
            ))
        })
    }

    fn walk_array(&mut self, token: &str, rest: &[String], plan: &Plan) -> Decoded<'de, O::Value> {
        let absent = || {
            Fault::new(format!(
                "element `{token}` is missing, where the event's content is"
            ))
        };
        let wanted: usize = token.parse().map_err(|_| absent())?;

        let (mut found, mut place) = (None, 0);
        self.reader.enter();
        while self.reader.next_element(place == 0)? {
            if place == wanted {
                let value = self.walk(rest, plan);
                found = Some(value.map_err(|fault| fault.at(Step::Index(place)))?);
            } else {
                self.reader.value()?;
            }
            place += 1;
        }
        found.ok_or_else(absent)
    }
}
