//! The language for values of a request: where a value is, and texts that contain values.
//!
//! Every place where a provider's rules read a request uses this module: signatures, times, ids,
//! keys, types and handshakes. [`Place`] is one location, [`Template`] is a text with locations in
//! braces, and [`Fields`] reads the values of one request. Each part of a request is parsed at most
//! once, and only if a rule needs a value of it.
//!
//! A value that is read occurs exactly once: readers disagree about the value of a header, a
//! parameter or a JSON name that is repeated, and the host does not guess. No error quotes a value.

mod place;
mod part;
mod template;
mod fields;
mod pairs;
mod form;

pub use fields::Fields;
pub use form::{form_as_json, is_form};
pub use part::Part;
pub use place::{Place, PlaceKind};
pub use template::{OwnPiece, Piece, Template};
