//! Maps schemas to types: the table of `docs/importing.md`.
//!
//! A schema's keywords are parts that a value fits all at once: its own type, a `$ref`, each schema
//! of `allOf`, and the unions of `oneOf` and `anyOf`. Each part is mapped, and the types are
//! combined. Keywords that only limit values (such as `pattern`) say nothing about types.

mod object;
mod scalar;
mod union;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::document::{At, Document, Node, Value};
use crate::error::{Error, Fault};
use crate::note::Note;
use crate::resolve::{Cycles, name_of, reference, resolved, target};
use crate::types::{Form, Kinds, Types, Use};

/// The maximum nesting of schemas, counting what `$ref`s lead to.
const DEPTH_MAX: usize = 256;
/// Keywords whose meaning depends on a base that this crate does not compute.
const REFUSED: [&str; 4] = ["$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor"];

/// Maps the schemas of one document.
pub(crate) struct Mapper<'a> {
    document: &'a Document,
    cycles: Cycles,
    pub(crate) types: Types,
    /// The type of each `$ref` target that was mapped.
    targets: HashMap<String, Use>,
    /// What a reader should know about, in the order in which it was found.
    pub(crate) warnings: Vec<String>,
}

/// Where a schema is mapped.
#[derive(Debug, Clone, Copy)]
struct Scope<'s> {
    /// The `$ref` target that contains the schema. No target contains an event's own schema.
    target: Option<&'s str>,
    depth: usize,
}

impl Scope<'_> {
    fn deeper(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }
}

impl<'a> Mapper<'a> {
    /// Prepares to map the schemas of events.
    pub(crate) fn new<'r>(document: &'a Document, roots: impl Iterator<Item = &'r At<'a>>) -> Self
    where
        'a: 'r,
    {
        Self {
            document,
            cycles: Cycles::of(document, roots.cloned()),
            types: Types::default(),
            targets: HashMap::new(),
            warnings: Vec::new(),
        }
    }

    /// Maps the schema of an event.
    ///
    /// # Errors
    ///
    /// Fails if a `$ref` cannot be followed, if the schema has a keyword of [`REFUSED`], or if its
    /// types are too many or too deep.
    pub(crate) fn event(&mut self, schema: &At<'a>) -> Result<Use, Error> {
        let scope = Scope {
            target: None,
            depth: 0,
        };
        let mapped = if is_component(&schema.pointer) {
            self.target(schema.clone(), scope)?
        } else {
            self.schema(schema, scope)?
        };
        let checked = self.types.check();
        checked.map_err(|fault| self.document.fail(schema, fault))?;
        Ok(mapped)
    }

    fn schema(&mut self, at: &At<'a>, scope: Scope<'_>) -> Result<Use, Error> {
        if scope.depth > DEPTH_MAX {
            return Err(self.document.fail(at, Fault::TypesTooDeep(DEPTH_MAX)));
        }
        match &at.node.value {
            Value::Bool(true) => return Ok(self.any()),
            Value::Bool(false) => return Ok(self.types.of(Form::Never)),
            Value::Object(_) => {}
            _ => {
                let fault = Fault::Kind {
                    found: at.node.kind(),
                    wanted: "a schema",
                };
                return Err(self.document.fail(at, fault));
            }
        }
        self.refuse_keywords(at)?;
        if at.get("not").is_some_and(|it| is_anything(it.node)) {
            return Ok(self.types.of(Form::Never));
        }

        let mut whole = self.own(at, scope)?;
        if let Some(reference) = reference(at) {
            // A chain of `$ref`s that ends in itself has no type.
            resolved(self.document, at.clone())?;
            let part = self.reference(&reference, scope)?;
            whole = self.narrowed(at, whole, part);
        }
        for part in at.list("allOf") {
            let part = self.schema(&part, scope.deeper())?;
            whole = self.narrowed(at, whole, part);
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(part) = self.union(at, keyword, whole, scope)? {
                whole = self.narrowed(at, whole, part);
            }
        }
        whole = self.with_conditions(at, whole, scope)?;
        Ok(whole.nullable(allows_null(at.node)))
    }

    /// Combines two parts of a schema, and warns if no value fits both.
    fn narrowed(&mut self, at: &At<'a>, whole: Use, part: Use) -> Use {
        let before = self.types.contradictions;
        let both = self.types.both(whole, part);
        if self.types.contradictions > before {
            let place = at.node.place;
            let file = &self.document.file;
            self.warnings.push(format!(
                "{file}:{place}: parts of the schema contradict each other; the wider type is kept"
            ));
        }
        both
    }

    fn refuse_keywords(&self, at: &At<'a>) -> Result<(), Error> {
        for keyword in REFUSED {
            if let Some(found) = at.get(keyword) {
                return Err(self.document.fail(&found, Fault::Keyword(keyword)));
            }
        }
        let is_base = |id: &str| !at.pointer.is_empty() && !id.starts_with('#');
        match at.get("$id") {
            Some(found) if found.node.text().is_some_and(is_base) => {
                Err(self.document.fail(&found, Fault::Keyword("$id")))
            }
            _ => Ok(()),
        }
    }

    /// Maps what a `$ref` leads to, or cuts the `$ref` if the type contains itself.
    fn reference(&mut self, at: &At<'a>, scope: Scope<'_>) -> Result<Use, Error> {
        let target = target(self.document, at)?;
        if scope
            .target
            .is_some_and(|from| self.cycles.is_cut(from, &target.pointer))
        {
            return self.cut(&target);
        }
        self.target(target, scope)
    }

    /// Maps what a `$ref` leads to, once.
    fn target(&mut self, target: At<'a>, scope: Scope<'_>) -> Result<Use, Error> {
        if let Some(known) = self.targets.get(&target.pointer) {
            return Ok(*known);
        }

        let inner = Scope {
            target: Some(&target.pointer),
            depth: scope.depth + 1,
        };
        let mapped = self.schema(&target, inner)?;
        let pointer = target.pointer.clone();
        let note = Note::of(target.node);
        let named = self.types.named(mapped, pointer.clone(), note);
        self.targets.insert(pointer, named);
        Ok(named)
    }

    /// Returns the text that stands for a type that would contain itself.
    fn cut(&mut self, target: &At<'a>) -> Result<Use, Error> {
        let kinds = self.kinds(target)?;
        let form = match kinds {
            Some(kinds) => Form::Opaque(Kinds {
                cut: Some(name_of(&target.pointer).to_owned()),
                ..kinds
            }),
            None => Form::Any,
        };
        Ok(self.types.of(form))
    }

    fn any(&mut self) -> Use {
        self.types.of(Form::Any)
    }
}

/// Whether a pointer is that of a named schema.
fn is_component(pointer: &str) -> bool {
    let table = pointer.rsplit_once('/').map_or("", |(table, _)| table);
    ["/components/schemas", "/$defs", "/definitions"].contains(&table)
}

/// Whether a schema permits every value: `true` or `{}`.
fn is_anything(node: &Node) -> bool {
    match &node.value {
        Value::Bool(it) => *it,
        Value::Object(object) => object.entries().is_empty(),
        _ => false,
    }
}

/// Whether a schema's own keywords name null. `nullable` is of OpenAPI 3.0, and documents of 3.1
/// have it too.
fn allows_null(schema: &Node) -> bool {
    let is_null = |node: &Node| node.value == Value::Null || node.text() == Some("null");
    let lists = |key: &str, is_null: &dyn Fn(&Node) -> bool| {
        let items = schema.get(key).and_then(Node::list);
        items.is_some_and(|items| items.iter().any(is_null))
    };
    let is_null_value = |node: &Node| node.value == Value::Null;
    schema.get("nullable").is_some_and(Node::is_true)
        || lists("type", &is_null)
        || lists("enum", &is_null_value)
        || schema
            .get("type")
            .is_some_and(|it| it.text() == Some("null"))
        || schema.get("const").is_some_and(is_null_value)
}
