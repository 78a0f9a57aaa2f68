//! The type of an event: the sender's name for what happened.

use super::described::{Described, is_name};
use crate::value::{Place, Template};
use crate::{JsonPointer, Unreadable};

/// The maximum size of a type, in bytes.
const TYPE_BYTES_MAX: usize = 256;

/// How the type of an event is found. An event without a recognizable type is stored without a
/// type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeRule {
    /// The type is the first of these texts whose values are all present.
    FirstOf(Vec<Template>),
    /// The shape of the payload. The type is known if exactly one shape matches.
    Shapes(Vec<Shape>),
    /// The sender's events have no types.
    None,
}

/// A shape of payload, with the type of events that have this shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Locations; at least one of them must have a value other than null.
    pub any: Vec<JsonPointer>,
    /// Locations; each must have no value or null.
    pub none: Vec<JsonPointer>,
    /// The type of the event, such as `offer.{json:/status}`.
    pub is: Template,
}

impl TypeRule {
    /// Returns the type that is the whole value at one place.
    pub fn at(place: Place) -> Self {
        Self::FirstOf(vec![place.into()])
    }

    /// Returns the header whose whole value is the type, if there is one.
    pub fn header(&self) -> Option<&str> {
        let Self::FirstOf(alternatives) = self else {
            return None;
        };
        let places = alternatives.iter().filter_map(Template::single_place);
        places.filter_map(Place::whole_header).next()
    }

    /// Returns every location in the payload that the rule names.
    pub fn pointers(&self) -> impl Iterator<Item = &JsonPointer> {
        let (alternatives, shapes) = match self {
            Self::FirstOf(alternatives) => (&alternatives[..], &[][..]),
            Self::Shapes(shapes) => (&[][..], &shapes[..]),
            Self::None => (&[][..], &[][..]),
        };
        let of_shapes = shapes.iter().flat_map(|shape| {
            let conditions = shape.any.iter().chain(&shape.none);
            conditions.chain(shape.is.pointers())
        });
        alternatives
            .iter()
            .flat_map(Template::pointers)
            .chain(of_shapes)
    }

    /// Returns the type of an event. Values that cannot be read are like missing values.
    pub(super) fn read(&self, event: &Described<'_>) -> Option<String> {
        let fill = |template: &Template| event.fill(template, |never| match *never {}).ok();
        let event_type = match self {
            Self::FirstOf(alternatives) => alternatives.iter().find_map(fill),
            Self::Shapes(shapes) => matching(shapes, event).and_then(|shape| fill(&shape.is)),
            Self::None => None,
        };
        event_type.filter(|name| is_name(name, TYPE_BYTES_MAX))
    }
}

/// Returns the one shape that matches; `None` if no shape or more than one shape matches.
fn matching<'s>(shapes: &'s [Shape], event: &Described<'_>) -> Option<&'s Shape> {
    let mut matching = None;
    for shape in shapes {
        if shape.matches(event).ok()? {
            if matching.is_some() {
                return None;
            }
            matching = Some(shape);
        }
    }
    matching
}

impl Shape {
    fn matches(&self, event: &Described<'_>) -> Result<bool, Unreadable> {
        let has_value = |pointer: &JsonPointer| {
            let value = event.json(pointer)?;
            Ok(value.is_some_and(|value| value.get() != "null"))
        };
        // Every pointer is looked up: a repeated name makes the shape uncertain, wherever it is.
        let any_has_value = |pointers: &[JsonPointer]| {
            pointers.iter().try_fold(false, |found, pointer| {
                Ok::<_, Unreadable>(found | has_value(pointer)?)
            })
        };
        Ok(any_has_value(&self.any)? & !any_has_value(&self.none)?)
    }
}
