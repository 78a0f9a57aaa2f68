//! Decodes objects and arrays while they are read.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use wasmtime::component::Val;

use super::{Context, Failed, Key, Seed};
use crate::plan::path::Step;
use crate::plan::{Names, Plan};

/// Decodes an object or an array by the plan of a record, list, map, tuple or flags.
pub(super) struct Container<'a, 'de> {
    pub(super) plan: &'a Plan,
    pub(super) cx: &'a Context<'de>,
}

/// Implements the methods of a visitor that refuse values other than objects and arrays.
macro_rules! refuse_scalars {
    () => {
        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
            self.refuse("a boolean")
        }
        fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
            self.refuse("a number")
        }
        fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
            self.refuse("a number")
        }
        fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
            self.refuse("a number")
        }
        fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
            self.refuse("a string")
        }
        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            self.refuse("null")
        }
    };
}
pub(super) use refuse_scalars;

impl<'de> Visitor<'de> for Container<'_, 'de> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plan.wanted())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Val, A::Error> {
        match self.plan {
            Plan::Record { fields, names } => self.record(fields, names, map),
            Plan::List(element)
                if let Plan::Tuple(parts) = &**element
                    && element.is_pair() =>
            {
                let pair = |(key, value)| Val::Tuple(vec![Val::String(key), value]);
                Ok(Val::List(
                    self.pairs(&parts[1], map)?.into_iter().map(pair).collect(),
                ))
            }
            Plan::Map(value) => {
                let entry = |(key, value)| (Val::String(key), value);
                Ok(Val::Map(
                    self.pairs(value, map)?.into_iter().map(entry).collect(),
                ))
            }
            _ => self.refuse("an object"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Val, A::Error> {
        match self.plan {
            Plan::List(element) => self.list(element, seq),
            Plan::Tuple(parts) => self.tuple(parts, seq),
            Plan::Flags { flags, names } => self.flags(flags, names, seq),
            _ => self.refuse("an array"),
        }
    }

    refuse_scalars!();
}

impl<'a, 'de> Container<'a, 'de> {
    fn seed(&self, plan: &'a Plan) -> Seed<'a, 'de> {
        Seed { plan, cx: self.cx }
    }

    fn refuse<T, E: serde::de::Error>(&self, found: &str) -> Result<T, E> {
        Err(self.cx.mismatch(found, self.plan).into_error())
    }

    fn record<A: MapAccess<'de>>(
        &self,
        fields: &'a [(String, Plan)],
        names: &Names,
        mut map: A,
    ) -> Result<Val, A::Error> {
        let mut values: Vec<Option<Val>> = fields.iter().map(|_| None).collect();
        while let Some(key) = map.next_key_seed(Key)? {
            let Some(place) = names.find(&key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = self.cx.at(Step::Key(key), || match values[place] {
                Some(_) => Err(self.cx.fail("this field occurs twice").into_error()),
                None => map.next_value_seed(self.seed(&fields[place].1)),
            })?;
            values[place] = Some(value);
        }
        let filled = fields.iter().zip(values).map(|((name, plan), value)| {
            let value = value.map_or_else(|| self.absent(name, plan), Ok)?;
            Ok((name.clone(), value))
        });
        filled
            .collect::<Result<_, Failed>>()
            .map(Val::Record)
            .map_err(Failed::into_error)
    }

    fn absent(&self, name: &'a str, plan: &Plan) -> Result<Val, Failed> {
        match plan {
            Plan::Option(_) => self.cx.spend(1).map(|()| Val::Option(None)),
            // The path has the plugin's spelling of the name, since the sender's spelling is not
            // known.
            plan => self.cx.at(Step::Key(name.to_owned().into()), || {
                Err(self
                    .cx
                    .fail(format!("the field is missing, wanted {}", plan.wanted())))
            }),
        }
    }

    fn pairs<A: MapAccess<'de>>(
        &self,
        value: &'a Plan,
        mut map: A,
    ) -> Result<Vec<(String, Val)>, A::Error> {
        let mut pairs = Vec::new();
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key_seed(Key)? {
            let owned = key.clone().into_owned();
            let pair = self.cx.at(Step::Key(key), || {
                if !seen.insert(owned.clone()) {
                    return Err(self.cx.fail("this key occurs twice").into_error());
                }
                self.cx.spend(2).map_err(Failed::into_error)?;
                Ok((owned, map.next_value_seed(self.seed(value))?))
            })?;
            pairs.push(pair);
        }
        Ok(pairs)
    }

    fn list<A: SeqAccess<'de>>(&self, element: &'a Plan, mut seq: A) -> Result<Val, A::Error> {
        let mut values = Vec::new();
        loop {
            let next = self.cx.at(Step::Index(values.len()), || {
                seq.next_element_seed(self.seed(element))
            })?;
            match next {
                Some(value) => values.push(value),
                None => return Ok(Val::List(values)),
            }
        }
    }

    fn tuple<A: SeqAccess<'de>>(&self, parts: &'a [Plan], mut seq: A) -> Result<Val, A::Error> {
        let length = || {
            self.cx.fail(format!(
                "found an array of another length, wanted length {}",
                parts.len()
            ))
        };
        let mut values = Vec::with_capacity(parts.len());
        for (place, part) in parts.iter().enumerate() {
            let next = self.cx.at(Step::Index(place), || {
                seq.next_element_seed(self.seed(part))
            })?;
            values.push(next.ok_or_else(|| length().into_error())?);
        }
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(Val::Tuple(values)),
            Some(_) => Err(length().into_error()),
        }
    }

    fn flags<A: SeqAccess<'de>>(
        &self,
        flags: &[String],
        names: &Names,
        mut seq: A,
    ) -> Result<Val, A::Error> {
        let mut set = vec![false; flags.len()];
        for place in 0.. {
            match self.cx.at(Step::Index(place), || {
                seq.next_element_seed(self.seed(&Plan::String))
            })? {
                Some(Val::String(name)) => {
                    if let Some(flag) = names.find(&name) {
                        set[flag] = true;
                    }
                }
                Some(_) => return Err(A::Error::custom("a string was decoded to something else")),
                None => break,
            }
        }
        let named = flags
            .iter()
            .zip(set)
            .filter(|(_, set)| *set)
            .map(|(flag, _)| flag.clone());
        Ok(Val::Flags(named.collect()))
    }
}
