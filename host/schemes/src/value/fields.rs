//! Reads the values of one request. Each part of the request is parsed at most once.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::value::RawValue;

use super::form::is_form;
use super::pairs::{Named, Pairs};
use super::{Part, Place, PlaceKind};
use crate::json::{Wanted, find_all, string};
use crate::verify::{ascii, single_header};
use crate::{JsonPointer, Refusal, Request, Unreadable};

/// The type of a body whose fields are pairs of a form.
pub(super) const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// The values of one request.
///
/// Making one costs nothing: the query, the form and the JSON are parsed when the first value of
/// them is read, and then kept.
#[derive(Debug)]
pub struct Fields<'a> {
    request: Request<'a>,
    document: &'a [u8],
    pointers: Vec<&'a JsonPointer>,
    values: OnceCell<Result<Vec<Wanted<'a, 'a>>, Unreadable>>,
    query: OnceCell<Option<Pairs<'a>>>,
    form: OnceCell<Option<Pairs<'a>>>,
}

impl<'a> Fields<'a> {
    /// Returns the values of a request. JSON is read from the body.
    pub fn new(request: Request<'a>) -> Self {
        Self {
            request,
            document: request.body,
            pointers: Vec::new(),
            values: OnceCell::new(),
            query: OnceCell::new(),
            form: OnceCell::new(),
        }
    }

    /// Reads JSON from `document` instead of the body. Scheme envelopes such as that of Amazon SNS
    /// contain the sender's event as a text.
    #[must_use]
    pub fn with_document(self, document: &'a [u8]) -> Self {
        Self { document, ..self }
    }

    /// Prepares for all locations that will be read, so that one pass over the JSON finds all of
    /// them. Each location that is not among `pointers` costs a pass of its own.
    #[must_use]
    pub fn with_pointers(self, pointers: impl IntoIterator<Item = &'a JsonPointer>) -> Self {
        Self {
            pointers: pointers.into_iter().collect(),
            ..self
        }
    }

    /// Returns the request.
    pub const fn request(&self) -> &Request<'a> {
        &self.request
    }

    /// Returns the value at a place. The place must have exactly one value.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`] that says what was looked for if the value is missing, is repeated or
    /// has another form.
    pub fn get(&self, place: &Place) -> Result<Cow<'a, str>, Refusal> {
        let mut values = self.all(place)?;
        match values.pop() {
            Some(value) if values.is_empty() => Ok(value),
            _ => Err(place.kind.repeated(&place.part)),
        }
    }

    /// Returns the value at a place; `None` if there is no such value: no header, parameter, field
    /// or part, a value that is not text, or a body in another format.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`] if the value is repeated.
    pub fn find(&self, place: &Place) -> Result<Option<Cow<'a, str>>, Refusal> {
        match self.get(place) {
            Ok(value) => Ok(Some(value)),
            Err(refusal) if refusal.is_repetition() => Err(refusal),
            Err(_) => Ok(None),
        }
    }

    /// Returns every value at a place, at least one. Only a pair can have several.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`] as [`get`](Self::get) does.
    pub fn all(&self, place: &Place) -> Result<Vec<Cow<'a, str>>, Refusal> {
        let whole = self.whole(&place.kind)?;
        let parts = place.part.of(whole);
        if parts.is_empty() {
            Err(place.kind.malformed(place.part.lack()))
        } else {
            Ok(parts)
        }
    }

    /// Returns the JSON value at a location, as its own text; `None` if there is no such value.
    ///
    /// # Errors
    ///
    /// Returns [`Unreadable`] if the document is not JSON, or if a name on the path occurs twice.
    pub fn json(&self, pointer: &JsonPointer) -> Result<Option<&'a RawValue>, Unreadable> {
        let values = self.values.get_or_init(|| self.read_json());
        let wanted = values.as_ref().map_err(Clone::clone)?;
        match wanted.iter().find(|wanted| wanted.pointer == pointer) {
            Some(wanted) => wanted.found.clone(),
            None => pointer.find(self.json_text()),
        }
    }

    fn whole(&self, kind: &PlaceKind) -> Result<Cow<'a, str>, Refusal> {
        match kind {
            PlaceKind::Header(name) => self.request.ascii_header(name).map(Cow::Borrowed),
            PlaceKind::Json(pointer) => {
                let value = self.json(pointer)?.filter(|value| value.get() != "null");
                let value = value.ok_or_else(|| kind.missing())?;
                let why = "is neither a text, a number, `true` nor `false`";
                scalar(value).ok_or_else(|| kind.malformed(why))
            }
            PlaceKind::Query(name) => value_of(kind, name, self.query()?),
            PlaceKind::Form(name) => value_of(kind, name, self.form()?),
        }
    }

    fn read_json(&self) -> Result<Vec<Wanted<'a, 'a>>, Unreadable> {
        let mut values: Vec<_> = self.pointers.iter().copied().map(Wanted::new).collect();
        find_all(self.json_text(), &mut values)?;
        Ok(values)
    }

    /// Returns the document without the byte order mark that some senders write before JSON.
    fn json_text(&self) -> &'a [u8] {
        let document = self.document;
        document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document)
    }

    pub(crate) fn query(&self) -> Result<&Pairs<'a>, Refusal> {
        let parse = || Pairs::parse(self.request.query.unwrap_or_default().as_bytes());
        let pairs = self.query.get_or_init(parse).as_ref();
        pairs.ok_or(Refusal::TooManyParameters { part: "query" })
    }

    /// Returns the fields of a body that is a form.
    pub(crate) fn form(&self) -> Result<&Pairs<'a>, Refusal> {
        if !self.has_form() {
            return Err(Refusal::UnreadableBody {
                why: format!("it is not a form, because its type is not {FORM_TYPE}"),
            });
        }
        let pairs = self.form.get_or_init(|| Pairs::parse(self.request.body));
        let pairs = pairs.as_ref();
        pairs.ok_or(Refusal::TooManyParameters { part: "form" })
    }

    /// Returns whether the request says that its body is a form.
    pub(crate) fn has_form(&self) -> bool {
        let value = single_header(self.request.headers, "content-type");
        let value = value.ok().flatten().and_then(ascii).unwrap_or_default();
        is_form(value)
    }
}

/// Returns the value of a parameter or field that must occur exactly once.
fn value_of<'a>(kind: &PlaceKind, name: &str, pairs: &Pairs<'a>) -> Result<Cow<'a, str>, Refusal> {
    match pairs.named(name) {
        Named::None => Err(kind.missing()),
        Named::One(value) => text(value).ok_or_else(|| kind.malformed("is not UTF-8")),
        Named::Several => Err(kind.repeated(&Part::Whole)),
    }
}

/// Returns decoded bytes as text, if they are UTF-8.
fn text<'a>(bytes: &Cow<'a, [u8]>) -> Option<Cow<'a, str>> {
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes.clone()).ok().map(Cow::Owned),
    }
}

/// Returns a JSON text, number, `true` or `false` as text. A number stays as it is written.
fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get().as_bytes().first()? {
        b'"' => string(value).map(Cow::Owned),
        b'{' | b'[' => None,
        _ => Some(Cow::Borrowed(value.get())),
    }
}
