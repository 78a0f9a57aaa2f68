//! Decodes objects and arrays while they are read.

use std::borrow::Cow;
use std::collections::HashSet;

use wasmtime::component::Val;

use super::reader::Kind;
use super::{Decoded, Decoder, Fault};
use crate::plan::path::Step;
use crate::plan::{Names, Plan};

/// The value of a field before it is decoded. No plan makes a value of this type.
const ABSENT: Val = Val::FixedLengthList(Vec::new());

impl<'de> Decoder<'de> {
    /// Decodes an object or an array by any plan but that of a record.
    pub(super) fn container(&mut self, plan: &Plan, kind: Kind) -> Decoded<'de, Val> {
        match (plan, kind) {
            (Plan::List(element), Kind::Array) => self.list(element),
            (Plan::List(element), Kind::Object)
                if let Plan::Tuple(parts) = &**element
                    && element.is_pair() =>
            {
                let pair = |(key, value)| Val::Tuple(vec![Val::String(key), value]);
                let pairs = self.pairs(&parts[1])?;
                Ok(Val::List(pairs.into_iter().map(pair).collect()))
            }
            (Plan::Map(value), Kind::Object) => {
                let entry = |(key, value)| (Val::String(key), value);
                let pairs = self.pairs(value)?;
                Ok(Val::Map(pairs.into_iter().map(entry).collect()))
            }
            (Plan::Tuple(parts), Kind::Array) => self.tuple(parts),
            (Plan::Flags { flags, names }, Kind::Array) => self.flags(flags, names),
            _ => Err(Fault::mismatch(kind.name(), plan)),
        }
    }

    /// Decodes an object by the plan of a record.
    pub(super) fn record(&mut self, fields: &[(String, Plan)], names: &Names) -> Decoded<'de, Val> {
        let mut values: Vec<(String, Val)> = fields
            .iter()
            .map(|(name, _)| (name.clone(), ABSENT))
            .collect();
        // Senders usually write the fields in one order, which is often that of the declaration.
        let (mut expected, mut is_first) = (0, true);

        self.reader.enter();
        while let Some(key) = self.next_key(is_first)? {
            is_first = false;
            let Some(place) = names.find_near(expected, &key) else {
                self.reader.value()?;
                continue;
            };
            if !is_absent(&values[place].1) {
                return Err(Fault::new("this field occurs twice").at(Step::Key(key)));
            }
            values[place].1 = self
                .value(&fields[place].1)
                .map_err(|fault| fault.at(Step::Key(key)))?;
            expected = place + 1;
        }

        for ((name, plan), (_, value)) in fields.iter().zip(&mut values) {
            if is_absent(value) {
                *value = self.absent(name, plan)?;
            }
        }
        Ok(Val::Record(values))
    }

    fn absent(&mut self, name: &str, plan: &Plan) -> Decoded<'de, Val> {
        if let Plan::Option(_) = plan {
            self.spend(1)?;
            return Ok(Val::Option(None));
        }

        // The path has the plugin's spelling of the name, since the sender's spelling is not known.
        let step = Step::Key(Cow::Owned(name.to_owned()));
        let message = format!("the field is missing, wanted {}", plan.wanted());
        Err(Fault::new(message).at(step))
    }

    fn pairs(&mut self, value: &Plan) -> Decoded<'de, Vec<(String, Val)>> {
        let (mut pairs, mut seen) = (Vec::new(), HashSet::new());
        self.reader.enter();
        while let Some(key) = self.next_key(pairs.is_empty())? {
            let decoded = if seen.insert(key.clone()) {
                self.spend(2).and_then(|()| self.value(value))
            } else {
                Err(Fault::new("this key occurs twice"))
            };
            let owned = key.clone().into_owned();
            pairs.push((owned, decoded.map_err(|fault| fault.at(Step::Key(key)))?));
        }
        Ok(pairs)
    }

    fn list(&mut self, element: &Plan) -> Decoded<'de, Val> {
        let mut values = Vec::new();
        self.reader.enter();
        while self.reader.next_element(values.is_empty())? {
            let place = values.len();
            values.push(self.element(place, element)?);
        }
        Ok(Val::List(values))
    }

    fn tuple(&mut self, parts: &[Plan]) -> Decoded<'de, Val> {
        let length = || {
            Fault::new(format!(
                "found an array of another length, wanted length {}",
                parts.len()
            ))
        };

        let mut values = Vec::with_capacity(parts.len());
        self.reader.enter();
        while self.reader.next_element(values.is_empty())? {
            let place = values.len();
            let part = parts.get(place).ok_or_else(length)?;
            values.push(self.element(place, part)?);
        }
        if values.len() < parts.len() {
            return Err(length());
        }
        Ok(Val::Tuple(values))
    }

    fn flags(&mut self, flags: &[String], names: &Names) -> Decoded<'de, Val> {
        let mut set = vec![false; flags.len()];
        let mut place = 0;
        self.reader.enter();
        while self.reader.next_element(place == 0)? {
            if let Val::String(name) = self.element(place, &Plan::String)?
                && let Some(flag) = names.find(&name)
            {
                set[flag] = true;
            }
            place += 1;
        }

        let named = flags.iter().zip(set).filter(|(_, is_set)| *is_set);
        Ok(Val::Flags(named.map(|(flag, _)| flag.clone()).collect()))
    }

    fn element(&mut self, place: usize, plan: &Plan) -> Decoded<'de, Val> {
        self.value(plan)
            .map_err(|fault| fault.at(Step::Index(place)))
    }
}

fn is_absent(value: &Val) -> bool {
    matches!(value, Val::FixedLengthList(_))
}
