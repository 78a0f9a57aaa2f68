//! Decodes objects and arrays while they are read.

use std::borrow::Cow;
use std::collections::HashSet;

use super::reader::Kind;
use super::{Decoded, Decoder, Fault};
use crate::path::Step;
use crate::{Names, Output, Plan};

impl<'de, O: Output> Decoder<'de, O> {
    /// Decodes an object or an array by any plan but that of a record.
    pub(super) fn container(&mut self, plan: &Plan, kind: Kind) -> Decoded<'de, O::Value> {
        match (plan, kind) {
            (Plan::List(element), Kind::Array) => self.list(element),
            (Plan::List(element), Kind::Object)
                if let Plan::Tuple(parts) = &**element
                    && element.is_pair() =>
            {
                Ok(O::pairs(self.entries(&parts[1])?))
            }
            (Plan::Map(value), Kind::Object) => Ok(O::map(self.entries(value)?)),
            (Plan::Tuple(parts), Kind::Array) => self.tuple(parts),
            (Plan::Flags { flags, names }, Kind::Array) => self.flags(flags, names),
            _ => Err(Fault::mismatch(kind.name(), plan)),
        }
    }

    /// Decodes an object by the plan of a record.
    pub(super) fn record(
        &mut self,
        fields: &[(String, Plan)],
        names: &Names,
    ) -> Decoded<'de, O::Value> {
        let mut values: Vec<(String, O::Value)> = fields
            .iter()
            .map(|(name, _)| (name.clone(), O::ABSENT))
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
            if !O::is_absent(&values[place].1) {
                return Err(Fault::new("this field occurs twice").at(Step::Key(key)));
            }
            values[place].1 = self
                .value(&fields[place].1)
                .map_err(|fault| fault.at(Step::Key(key)))?;
            expected = place + 1;
        }

        for ((name, plan), (_, value)) in fields.iter().zip(&mut values) {
            if O::is_absent(value) {
                *value = self.absent(name, plan)?;
            }
        }
        Ok(O::record(values))
    }

    fn absent(&mut self, name: &str, plan: &Plan) -> Decoded<'de, O::Value> {
        if let Plan::Option(_) = plan {
            self.spend(1)?;
            return Ok(O::option(None));
        }

        // The path has the plugin's spelling of the name, since the sender's spelling is not known.
        let step = Step::Key(Cow::Owned(name.to_owned()));
        let message = format!("the field is missing, wanted {}", plan.wanted());
        Err(Fault::new(message).at(step))
    }

    fn entries(&mut self, value: &Plan) -> Decoded<'de, Vec<(String, O::Value)>> {
        let (mut entries, mut seen) = (Vec::new(), HashSet::new());
        self.reader.enter();
        while let Some(key) = self.next_key(entries.is_empty())? {
            let decoded = if seen.insert(key.clone()) {
                self.spend(2).and_then(|()| self.value(value))
            } else {
                Err(Fault::new("this key occurs twice"))
            };
            let owned = key.clone().into_owned();
            entries.push((owned, decoded.map_err(|fault| fault.at(Step::Key(key)))?));
        }
        Ok(entries)
    }

    fn list(&mut self, element: &Plan) -> Decoded<'de, O::Value> {
        let mut values = Vec::new();
        self.reader.enter();
        while self.reader.next_element(values.is_empty())? {
            let place = values.len();
            values.push(self.element(place, element)?);
        }
        Ok(O::list(values))
    }

    fn tuple(&mut self, parts: &[Plan]) -> Decoded<'de, O::Value> {
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
        Ok(O::tuple(values))
    }

    fn flags(&mut self, flags: &[String], names: &Names) -> Decoded<'de, O::Value> {
        let mut set = vec![false; flags.len()];
        let mut place = 0;
        self.reader.enter();
        while self.reader.next_element(place == 0)? {
            let name = self.name().map_err(|fault| fault.at(Step::Index(place)))?;
            if let Some(flag) = names.find(&name) {
                set[flag] = true;
            }
            place += 1;
        }

        let named = flags.iter().zip(set).filter(|(_, is_set)| *is_set);
        Ok(O::flags(named.map(|(flag, _)| flag.clone()).collect()))
    }

    /// Reads the name of a flag.
    fn name(&mut self) -> Decoded<'de, Cow<'de, str>> {
        self.spend(1)?;
        match self.reader.kind()? {
            Kind::String => self.string(),
            kind => Err(Fault::mismatch(kind.name(), &Plan::String)),
        }
    }

    fn element(&mut self, place: usize, plan: &Plan) -> Decoded<'de, O::Value> {
        self.value(plan)
            .map_err(|fault| fault.at(Step::Index(place)))
    }
}
