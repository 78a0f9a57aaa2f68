//! Finds a type by the path to it.

use super::{Form, TypeId, Types, Use};
use crate::document::unescaped;

/// A place in the types of an event: a field, and the way from there through lists and maps.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) record: TypeId,
    pub(crate) key: String,
    /// `true` for a list, `false` for a map.
    pub(crate) way: Vec<bool>,
}

impl Types {
    /// Returns the type at a path: keys of records, `*` for items and `{}` for values.
    pub(crate) fn at(&self, body: Use, path: &str) -> Option<Use> {
        self.walk(body, path).map(|(used, _)| used)
    }

    /// Returns the place of a path. A body without a record around the path has no place.
    pub(crate) fn place(&self, body: Use, path: &str) -> Option<Place> {
        self.walk(body, path)?.1
    }

    fn walk(&self, body: Use, path: &str) -> Option<(Use, Option<Place>)> {
        let (mut used, mut place): (Use, Option<Place>) = (body, None);
        for step in path.split('/').skip(1) {
            used = match self.form(used) {
                Form::List(item) if step == "*" => part(*item, true, &mut place),
                Form::Map(value) if step == "{}" => part(*value, false, &mut place),
                Form::Record(fields) => {
                    let key = unescaped(step);
                    let field = fields.iter().find(|field| field.key == key)?;
                    place = Some(Place {
                        record: used.id,
                        key,
                        way: Vec::new(),
                    });
                    field.ty
                }
                _ => return None,
            };
        }
        Some((used, place))
    }
}

/// Goes into the items of a list, or into the values of a map.
fn part(part: Use, is_list: bool, place: &mut Option<Place>) -> Use {
    if let Some(place) = place {
        place.way.push(is_list);
    }
    part
}
