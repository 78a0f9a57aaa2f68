//! Reads YAML 1.2 with the core schema: one document, no tags and no merge keys.
//!
//! The parser gives events, so nothing is repeated before its size is known: an alias counts as
//! all the nodes and bytes that it stands for.

mod scalar;

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{DEPTH_MAX, Entry, NODES_MAX, Node, Object, Place, Value};
use crate::error::{Fault, short};

/// A fault and its position.
type Read<T> = Result<T, (Place, Fault)>;

/// Reads the one document of a text. Aliases may repeat at most `bytes_max` bytes of text.
pub(super) fn read(text: &str, bytes_max: usize) -> Read<Node> {
    let mut builder = Builder {
        open: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        nodes_left: NODES_MAX,
        repeated_left: bytes_max,
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let fault = Fault::Syntax(format!("not YAML: {}", error.info()));
            (place(*error.marker()), fault)
        })?;
        builder.event(event, place(span.start))?;
    }
    let start = Place { line: 1, column: 1 };
    builder.root.ok_or((start, Fault::NoDocument))
}

fn place(marker: Marker) -> Place {
    Place {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

/// The tree so far.
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    /// The finished values that have an anchor.
    anchors: HashMap<usize, Node>,
    nodes_left: usize,
    repeated_left: usize,
}

/// A list or an object whose end has not been read.
struct Open {
    place: Place,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Object {
        entries: Vec<Entry>,
        key: Option<(String, Place)>,
    },
}

impl Builder {
    fn event(&mut self, event: Event<'_>, place: Place) -> Read<()> {
        let value = match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                return Err((place, Fault::SecondDocument));
            }
            Event::Scalar(text, style, anchor, tag) => {
                no_tag(tag.as_deref(), place)?;
                let is_plain = style == ScalarStyle::Plain;
                if self.wants_key() {
                    return self.key(&text, is_plain, place);
                }
                let value = if is_plain {
                    scalar::plain(&text)
                } else {
                    Value::Text(text.into_owned())
                };
                (Node { value, place }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                no_tag(tag.as_deref(), place)?;
                return self.enter(place, anchor, OpenKind::List(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                no_tag(tag.as_deref(), place)?;
                let (entries, key) = (Vec::new(), None);
                return self.enter(place, anchor, OpenKind::Object { entries, key });
            }
            Event::SequenceEnd | Event::MappingEnd => return self.leave(),
            Event::Alias(anchor) => return self.alias(anchor, place),
            _ => return Ok(()),
        };
        self.spend(1, place)?;
        self.add(value.0, value.1)
    }

    /// Whether the next value is the key of an object.
    fn wants_key(&self) -> bool {
        let open = self.open.last().map(|open| &open.kind);
        matches!(open, Some(OpenKind::Object { key: None, .. }))
    }

    fn key(&mut self, text: &str, is_plain: bool, place: Place) -> Read<()> {
        if is_plain && text == "<<" {
            return Err((place, Fault::MergeKey));
        }
        let open = self.open.last_mut().map(|open| &mut open.kind);
        if let Some(OpenKind::Object { key, .. }) = open {
            *key = Some((text.to_owned(), place));
        }
        Ok(())
    }

    fn enter(&mut self, place: Place, anchor: usize, kind: OpenKind) -> Read<()> {
        if self.wants_key() {
            return Err((place, Fault::KeyNotText));
        }
        if self.open.len() == DEPTH_MAX {
            return Err((place, Fault::TooDeep(DEPTH_MAX)));
        }
        self.spend(1, place)?;
        self.open.push(Open {
            place,
            anchor,
            kind,
        });
        Ok(())
    }

    fn leave(&mut self) -> Read<()> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.kind {
            OpenKind::List(items) => Value::List(items),
            OpenKind::Object { entries, .. } => {
                let object = Object::new(entries);
                Value::Object(
                    object.map_err(|(place, key)| (place, Fault::DuplicateKey(short(&key))))?,
                )
            }
        };
        let place = open.place;
        self.add(Node { value, place }, open.anchor)
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Read<()> {
        if self.wants_key() {
            return Err((place, Fault::KeyNotText));
        }
        if self.open.iter().any(|open| open.anchor == anchor) {
            return Err((place, Fault::AliasLoop));
        }
        let Some(node) = self.anchors.get(&anchor) else {
            return Err((place, Fault::Syntax("not YAML: unknown alias".into())));
        };

        let size = size(node);
        if self.open.len() + size.depth > DEPTH_MAX {
            return Err((place, Fault::TooDeep(DEPTH_MAX)));
        }
        let node = node.clone();
        self.repeat(&node, place)?;
        self.add(node, 0)
    }

    /// Takes what a second copy of a value costs from what is left.
    fn repeat(&mut self, node: &Node, place: Place) -> Read<()> {
        let size = size(node);
        let nodes_left = self.nodes_left.checked_sub(size.nodes);
        let bytes_left = self.repeated_left.checked_sub(size.bytes);
        let (Some(nodes_left), Some(bytes_left)) = (nodes_left, bytes_left) else {
            return Err((place, Fault::AliasBomb(NODES_MAX)));
        };
        (self.nodes_left, self.repeated_left) = (nodes_left, bytes_left);
        Ok(())
    }

    fn spend(&mut self, nodes: usize, place: Place) -> Read<()> {
        let left = self.nodes_left.checked_sub(nodes);
        self.nodes_left = left.ok_or((place, Fault::TooManyNodes(NODES_MAX)))?;
        Ok(())
    }

    /// Adds a finished value to what is open.
    fn add(&mut self, node: Node, anchor: usize) -> Read<()> {
        if anchor != 0 {
            self.repeat(&node, node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Object { entries, key }) => {
                if let Some((key, place)) = key.take() {
                    entries.push(Entry { key, place, node });
                }
            }
            None => self.root = Some(node),
        }
        Ok(())
    }
}

fn no_tag(tag: Option<&Tag>, place: Place) -> Read<()> {
    let Some(tag) = tag else {
        return Ok(());
    };
    let written = short(&format!("{}{}", tag.handle, tag.suffix));
    Err((place, Fault::Tag(written)))
}

/// What a value costs when it is repeated.
struct Size {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

fn size(node: &Node) -> Size {
    let mut whole = Size {
        nodes: 1,
        bytes: 0,
        depth: 0,
    };
    let mut add = |part: &Node, key: usize| {
        let part = size(part);
        whole.nodes += part.nodes;
        whole.bytes += part.bytes + key;
        whole.depth = whole.depth.max(part.depth + 1);
    };
    match &node.value {
        Value::Text(text) | Value::Number(text) => whole.bytes = text.len(),
        Value::List(items) => items.iter().for_each(|item| add(item, 0)),
        Value::Object(object) => {
            let entries = object.entries().iter();
            entries.for_each(|entry| add(&entry.node, entry.key.len()));
        }
        Value::Null | Value::Bool(_) => {}
    }
    whole
}
