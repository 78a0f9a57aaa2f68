//! The type of an event as the host has it, so that bodies can be decoded by a lock file.

use std::collections::BTreeSet;

use hookyard_shape::{Case, Field, OTHER, Shape, fold};

use super::tree::Node;
use super::{LockedEvent, Word};

impl LockedEvent {
    /// Returns the type of the body. The names of fields and cases are folded, which makes no
    /// difference to decoding.
    pub fn shape(&self) -> Shape {
        Node::of(self).map_or(Shape::String, |body| shape(&body))
    }
}

fn shape(node: &Node<'_>) -> Shape {
    let shape = match &node.locked.word {
        Word::Bool => Shape::Bool,
        Word::S32 => Shape::S32,
        Word::S64 => Shape::S64,
        Word::U32 => Shape::U32,
        Word::U64 => Shape::U64,
        Word::F64 => Shape::Float64,
        Word::Text | Word::JsonText | Word::Cut | Word::LeftOut => Shape::String,
        Word::Json => open_variant([]),
        Word::Values(values) => open_variant(values.iter().map(|value| fold(value))),
        Word::Record => Shape::Record(fields(node)),
        Word::List => Shape::List(Box::new(item(node))),
        Word::Map => {
            let pair = Shape::Tuple(vec![Shape::String, item(node)]);
            Shape::List(Box::new(pair))
        }
    };
    if node.locked.is_option {
        Shape::Option(Box::new(shape))
    } else {
        shape
    }
}

fn fields(node: &Node<'_>) -> Vec<Field> {
    let field = |(name, node): (&String, &Node<'_>)| Field {
        name: name.clone(),
        shape: shape(node),
    };
    node.fields.iter().map(field).collect()
}

/// Returns the type of the items. A list without a type of its items has JSON of any form.
fn item(node: &Node<'_>) -> Shape {
    match &node.item {
        Some(item) => shape(item),
        None => open_variant([]),
    }
}

/// Returns a variant of these names and `other(string)`.
fn open_variant(names: impl IntoIterator<Item = String>) -> Shape {
    let case = |name| Case {
        name,
        payload: None,
    };
    // Values that differ in punctuation alone are one case.
    let names: BTreeSet<String> = names.into_iter().filter(|name| name != OTHER).collect();
    let named = names.into_iter().map(case);
    let other = Case {
        name: OTHER.to_owned(),
        payload: Some(Shape::String),
    };
    Shape::Variant(named.chain([other]).collect())
}
