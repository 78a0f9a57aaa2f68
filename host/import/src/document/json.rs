//! JSON, in and out. The host's own reader knows the grammar, so a document and a body are JSON by
//! the same rules.

use hookyard_shape::reader::{Kind, NotJson, Reader};
use serde::de::IgnoredAny;

use super::{DEPTH_MAX, Entry, NODES_MAX, Node, Object, Place, Value};
use crate::error::{Fault, short};

/// A fault and its position.
type Read<T> = Result<T, (Place, Fault)>;

/// Reads a JSON text.
pub(super) fn read(text: &str) -> Read<Node> {
    let mut builder = Builder {
        reader: Reader::new(text),
        cursor: Cursor::new(text),
        depth: 0,
        nodes_left: NODES_MAX,
    };
    let root = builder.node().and_then(|root| {
        let end = builder.reader.end();
        end.map_err(|NotJson| builder.syntax())?;
        Ok(root)
    });
    root.map_err(|(place, fault)| match fault {
        Some(fault) => (place, fault),
        None => not_json(text, place),
    })
}

/// Words the fault of a text that is not JSON, and finds its position.
fn not_json(text: &str, place: Place) -> (Place, Fault) {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => (place, Fault::Syntax("not JSON".into())),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let place = Place {
                line,
                column: column.max(1),
            };
            let message = error.to_string();
            let reason = message.split(" at line ").next().unwrap_or_default();
            (place, Fault::Syntax(format!("not JSON: {reason}")))
        }
    }
}

/// A fault, or `None` if the text is not JSON.
type Built<T> = Result<T, (Place, Option<Fault>)>;

struct Builder<'de> {
    reader: Reader<'de>,
    cursor: Cursor<'de>,
    depth: usize,
    nodes_left: usize,
}

impl Builder<'_> {
    fn node(&mut self) -> Built<Node> {
        let place = self.place();
        let left = self.nodes_left.checked_sub(1);
        self.nodes_left = left.ok_or((place, Some(Fault::TooManyNodes(NODES_MAX))))?;
        let kind = self.reader.kind().map_err(|NotJson| self.syntax())?;
        let value = match kind {
            Kind::Object => self.nested(place, Self::object)?,
            Kind::Array => self.nested(place, Self::list)?,
            _ => self.scalar(kind)?,
        };
        Ok(Node { value, place })
    }

    fn nested(&mut self, place: Place, read: fn(&mut Self) -> Built<Value>) -> Built<Value> {
        if self.depth == DEPTH_MAX {
            return Err((place, Some(Fault::TooDeep(DEPTH_MAX))));
        }
        self.depth += 1;
        self.reader.enter();
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Built<Value> {
        let mut entries = Vec::new();
        loop {
            let place = self.key_place();
            let key = self.reader.next_key(entries.is_empty());
            let Some(key) = key.map_err(|NotJson| self.syntax())? else {
                break;
            };
            let key = key.unescape().ok_or_else(|| self.syntax())?.into_owned();
            let node = self.node()?;
            entries.push(Entry { key, place, node });
        }
        let object = Object::new(entries);
        let object = object.map_err(|(place, key)| {
            let fault = Fault::DuplicateKey(short(&key));
            (place, Some(fault))
        })?;
        Ok(Value::Object(object))
    }

    fn list(&mut self) -> Built<Value> {
        let mut items = Vec::new();
        while self
            .reader
            .next_element(items.is_empty())
            .map_err(|NotJson| self.syntax())?
        {
            items.push(self.node()?);
        }
        Ok(Value::List(items))
    }

    fn scalar(&mut self, kind: Kind) -> Built<Value> {
        let read = match kind {
            Kind::String => self
                .reader
                .string()
                .map(|it| it.unescape().map(|it| Value::Text(it.into_owned()))),
            Kind::Number => self
                .reader
                .number()
                .map(|it| Some(Value::Number(it.to_owned()))),
            Kind::Boolean => self.reader.boolean().map(|it| Some(Value::Bool(it))),
            _ => self.reader.null().map(|()| Some(Value::Null)),
        };
        read.ok().flatten().ok_or_else(|| self.syntax())
    }

    /// Returns the position of the next key, which may have a comma before it.
    fn key_place(&mut self) -> Place {
        let at = self.reader.at();
        let rest = self.cursor.text.get(at..).unwrap_or_default();
        let key = rest.strip_prefix(',').map_or(rest, str::trim_start);
        self.cursor.go(at + rest.len() - key.len())
    }

    /// Returns the position of the next token.
    fn place(&mut self) -> Place {
        let at = self.reader.at();
        self.cursor.go(at)
    }

    fn syntax(&mut self) -> (Place, Option<Fault>) {
        (self.place(), None)
    }
}

/// Counts lines and columns up to a position, which only grows.
struct Cursor<'de> {
    text: &'de str,
    at: usize,
    place: Place,
}

impl<'de> Cursor<'de> {
    fn new(text: &'de str) -> Self {
        let place = Place { line: 1, column: 1 };
        Self { text, at: 0, place }
    }

    fn go(&mut self, at: usize) -> Place {
        for c in self.text.get(self.at..at).unwrap_or_default().chars() {
            if c == '\n' {
                self.place.line += 1;
                self.place.column = 1;
            } else {
                self.place.column += 1;
            }
        }
        self.at = self.at.max(at);
        self.place
    }
}

/// Writes a value in lines, with two blanks for each level.
pub(super) fn write(node: &Node, level: usize, text: &mut String) {
    match &node.value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => text.push_str(number),
        Value::Text(value) => text.push_str(&quoted(value)),
        Value::List(items) if items.is_empty() => text.push_str("[]"),
        Value::Object(object) if object.entries().is_empty() => text.push_str("{}"),
        Value::List(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                begin_line(place == 0, level + 1, text);
                write(item, level + 1, text);
            }
            end(']', level, text);
        }
        Value::Object(object) => {
            text.push('{');
            for (place, entry) in object.entries().iter().enumerate() {
                begin_line(place == 0, level + 1, text);
                text.push_str(&quoted(&entry.key));
                text.push_str(": ");
                write(&entry.node, level + 1, text);
            }
            end('}', level, text);
        }
    }
}

fn begin_line(is_first: bool, level: usize, text: &mut String) {
    text.push_str(if is_first { "\n" } else { ",\n" });
    text.push_str(&"  ".repeat(level));
}

fn end(bracket: char, level: usize, text: &mut String) {
    text.push('\n');
    text.push_str(&"  ".repeat(level));
    text.push(bracket);
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
