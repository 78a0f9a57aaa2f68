//! Texts that contain values of a request, such as `{header:X-GitHub-Event}.{json:/action}`.

use std::borrow::Cow;
use std::convert::Infallible;

use super::{Fields, Place, PlaceKind};
use crate::{JsonPointer, Refusal, SetupError};

/// A text with values in braces.
///
/// Every template can contain the places of [`PlaceKind`]. `X` is what a template can contain
/// besides, such as `{body}` in the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template<X = Infallible> {
    pieces: Vec<Piece<X>>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<X> {
    /// A text that is the same for every request.
    Text(String),
    /// The value at a place of the request.
    Value(Place),
    /// A piece that only some templates can contain.
    Own(X),
}

/// The pieces that only one kind of template can contain.
pub trait OwnPiece: Sized {
    /// The pieces as they are written, for messages: `{body}`, `{timestamp}`.
    const FORMS: &'static [&'static str];

    /// Parses the text between the braces; `None` if no piece begins like this.
    ///
    /// # Errors
    ///
    /// Returns the defect and the way out if the piece begins rightly and is not valid.
    fn parse(text: &str) -> Option<Result<Self, String>>;
}

/// A template that contains nothing but places.
impl OwnPiece for Infallible {
    const FORMS: &'static [&'static str] = &[];

    fn parse(_text: &str) -> Option<Result<Self, String>> {
        None
    }
}

impl<X: OwnPiece> Template<X> {
    /// Parses a template. `{{` and `}}` stand for single braces.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if the template is empty, or if a piece is unknown or not valid.
    pub fn parse(text: &str) -> Result<Self, SetupError> {
        let refuse = |why: String| SetupError::Template {
            given: text.to_owned(),
            why,
        };
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;

        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let (brace, after) = rest[at..].split_at(1);
            rest = if let Some(after) = after.strip_prefix(brace) {
                literal.push_str(brace);
                after
            } else if brace == "}" {
                return Err(refuse("a `}` has no `{`; write `}}` for a brace".into()));
            } else {
                let (inner, after) = after
                    .split_once('}')
                    .ok_or_else(|| refuse("a `{` has no `}`; write `{{` for a brace".into()))?;
                push_text(&mut pieces, std::mem::take(&mut literal));
                pieces.push(piece(inner).map_err(refuse)?);
                after
            };
        }
        push_text(&mut pieces, literal + rest);

        if pieces.is_empty() {
            return Err(refuse("it is empty".into()));
        }
        Ok(Self { pieces })
    }
}

impl<X> Template<X> {
    /// Returns a template of one piece.
    pub fn of(piece: Piece<X>) -> Self {
        Self {
            pieces: vec![piece],
        }
    }

    /// Returns the pieces in order, at least one.
    pub fn pieces(&self) -> &[Piece<X>] {
        &self.pieces
    }

    /// Returns the pieces that only this kind of template can contain, in order.
    pub fn own_pieces(&self) -> impl Iterator<Item = &X> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Own(piece) => Some(piece),
            Piece::Text(_) | Piece::Value(_) => None,
        })
    }

    /// Returns the places that are read, in order.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value(place) => Some(place),
            Piece::Text(_) | Piece::Own(_) => None,
        })
    }

    /// Returns the place of a template that consists of one place.
    pub fn single_place(&self) -> Option<&Place> {
        match self.pieces.as_slice() {
            [Piece::Value(place)] => Some(place),
            _ => None,
        }
    }

    /// Returns the JSON pointers of the places, for [`Fields::with_pointers`].
    pub fn pointers(&self) -> impl Iterator<Item = &JsonPointer> {
        self.places().filter_map(|place| place.kind.pointer())
    }

    /// Returns the text with its values filled in; `None` if a value is missing. `own` returns the
    /// values of the template's own pieces.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`] if a value is repeated, and what `own` returns.
    pub fn fill<'a>(
        &self,
        fields: &Fields<'a>,
        mut own: impl FnMut(&X) -> Result<Option<Cow<'a, str>>, Refusal>,
    ) -> Result<Option<String>, Refusal> {
        let mut out = String::new();
        for piece in &self.pieces {
            let value = match piece {
                Piece::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Piece::Value(place) => fields.find(place)?,
                Piece::Own(piece) => own(piece)?,
            };
            let Some(value) = value else {
                return Ok(None);
            };
            out.push_str(&value);
        }
        Ok(Some(out))
    }
}

/// A template of one place.
impl<X> From<Place> for Template<X> {
    fn from(place: Place) -> Self {
        Self::of(Piece::Value(place))
    }
}

fn push_text<X>(pieces: &mut Vec<Piece<X>>, text: String) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
}

/// Parses the text between two braces.
fn piece<X: OwnPiece>(text: &str) -> Result<Piece<X>, String> {
    if let Some(own) = X::parse(text) {
        return own.map(Piece::Own);
    }
    let place = text
        .split_once(':')
        .filter(|(word, _)| PlaceKind::WORDS.contains(word));
    let Some((word, name)) = place else {
        return Err(unknown::<X>(text));
    };
    let kind = PlaceKind::parse(word, name).map_err(|error| error.to_string())?;
    Ok(Piece::Value(Place::whole(kind)))
}

fn unknown<X: OwnPiece>(text: &str) -> String {
    if text.starts_with('/') {
        return format!("`{{{text}}}` is now written `{{json:{text}}}`");
    }
    let forms = [
        "{header:NAME}",
        "{json:/POINTER}",
        "{query:NAME}",
        "{form:NAME}",
    ];
    let forms: Vec<_> = forms
        .iter()
        .chain(X::FORMS)
        .map(|form| format!("`{form}`"))
        .collect();
    format!(
        "`{{{text}}}` is not known; it can contain {}",
        forms.join(", ")
    )
}
