//! Reads JSON text token by token, without copying it.
//!
//! The reader knows the grammar and no types. It says only that a text is not JSON; `serde_json`
//! words the error and unescapes strings. Both are rare.

use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// A position in a JSON text.
#[derive(Debug)]
pub struct Reader<'de> {
    text: &'de str,
    at: usize,
}

/// The text is not JSON.
#[derive(Debug)]
pub struct NotJson;

/// What a JSON value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the variants have the names of the kinds in RFC 8259"
)]
pub enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

impl Kind {
    /// Returns the kind with its article, for error messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        }
    }
}

/// A string as the sender wrote it.
#[derive(Debug, Clone, Copy)]
pub struct Literal<'de> {
    /// The string with its quotes.
    quoted: &'de str,
    has_escape: bool,
}

impl<'de> Literal<'de> {
    /// Returns the string that the literal stands for, or `None` if an escape stands for half of a
    /// surrogate pair.
    #[inline]
    pub fn unescape(self) -> Option<Cow<'de, str>> {
        if self.has_escape {
            return serde_json::from_str(self.quoted).ok().map(Cow::Owned);
        }
        self.quoted.get(1..self.quoted.len() - 1).map(Cow::Borrowed)
    }
}

impl<'de> Reader<'de> {
    /// Returns a reader at the start of a text.
    #[inline]
    pub fn new(text: &'de str) -> Self {
        Self { text, at: 0 }
    }

    /// Returns the kind of the next value.
    #[inline]
    pub fn kind(&mut self) -> Result<Kind, NotJson> {
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'0'..=b'9' | b'-') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(NotJson),
        }
    }

    /// Enters an object or an array, whose kind has been read.
    #[inline]
    pub fn enter(&mut self) {
        self.at += 1;
    }

    /// Goes to the next element of an array, after any comma. Returns `false` after the last
    /// element.
    #[inline]
    pub fn next_element(&mut self, is_first: bool) -> Result<bool, NotJson> {
        self.next_part(is_first, b']')
    }

    /// Reads the key of the next entry of an object. Returns `None` after the last entry.
    #[inline]
    pub fn next_key(&mut self, is_first: bool) -> Result<Option<Literal<'de>>, NotJson> {
        if !self.next_part(is_first, b'}')? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return Err(NotJson);
        }

        let key = self.string()?;
        match self.peek() {
            Some(b':') => self.at += 1,
            _ => return Err(NotJson),
        }
        Ok(Some(key))
    }

    #[inline]
    fn next_part(&mut self, is_first: bool, end: u8) -> Result<bool, NotJson> {
        match self.peek() {
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(false)
            }
            Some(_) if is_first => Ok(true),
            Some(b',') => {
                self.at += 1;
                // No value and no key begins like the end, so a comma before the end is refused.
                if self.peek() == Some(end) {
                    return Err(NotJson);
                }
                Ok(true)
            }
            _ => Err(NotJson),
        }
    }

    /// Checks that nothing follows.
    #[inline]
    pub fn end(&mut self) -> Result<(), NotJson> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(NotJson),
        }
    }

    /// Reads a value of any kind, and returns its text. Uses no stack, however deep it is nested.
    #[inline]
    pub fn value(&mut self) -> Result<&'de str, NotJson> {
        let kind = self.kind()?;
        let start = self.at;
        match kind {
            Kind::Object | Kind::Array => self.skip_nested(kind)?,
            _ => self.skip_scalar(kind)?,
        }
        self.text.get(start..self.at).ok_or(NotJson)
    }

    fn skip_nested(&mut self, outermost: Kind) -> Result<(), NotJson> {
        let mut open = vec![outermost];
        let mut is_first = true;
        self.enter();

        while let Some(inside) = open.last() {
            let has_value = match inside {
                Kind::Object => self.next_key(is_first)?.is_some(),
                _ => self.next_element(is_first)?,
            };
            is_first = false;
            if !has_value {
                open.pop();
                continue;
            }
            match self.kind()? {
                kind @ (Kind::Object | Kind::Array) => {
                    self.enter();
                    open.push(kind);
                    is_first = true;
                }
                kind => self.skip_scalar(kind)?,
            }
        }
        Ok(())
    }

    fn skip_scalar(&mut self, kind: Kind) -> Result<(), NotJson> {
        match kind {
            Kind::String => self.string().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::Boolean => self.boolean().map(drop),
            Kind::Null => self.null(),
            Kind::Object | Kind::Array => Err(NotJson),
        }
    }

    /// Reads a null, whose kind has been read.
    pub fn null(&mut self) -> Result<(), NotJson> {
        self.word("null")
    }

    /// Reads a boolean, whose kind has been read.
    #[inline]
    pub fn boolean(&mut self) -> Result<bool, NotJson> {
        let is_true = self.peek() == Some(b't');
        self.word(if is_true { "true" } else { "false" })?;
        Ok(is_true)
    }

    fn word(&mut self, word: &str) -> Result<(), NotJson> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(NotJson);
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads a number, and returns its digits as the sender wrote them.
    #[inline]
    pub fn number(&mut self) -> Result<&'de str, NotJson> {
        let length = number_length(self.rest()).ok_or(NotJson)?;
        let start = self.at;
        self.at += length;
        self.text.get(start..self.at).ok_or(NotJson)
    }

    /// Reads a string.
    #[inline]
    pub fn string(&mut self) -> Result<Literal<'de>, NotJson> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        let mut has_escape = false;
        loop {
            at += plain_length(&bytes[at..]);
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escape = true;
                    at += escape_length(&bytes[at..])?;
                }
                _ => return Err(NotJson),
            }
        }

        let quoted = self.text.get(self.at..=at).ok_or(NotJson)?;
        self.at = at + 1;
        Ok(Literal { quoted, has_escape })
    }

    /// Returns the position of the next token in the text, in bytes.
    pub fn at(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Returns the first byte of the next token.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    #[inline]
    fn rest(&self) -> &'de [u8] {
        &self.text.as_bytes()[self.at..]
    }
}

/// Returns the length of the number at the start of the bytes.
#[inline]
fn number_length(bytes: &[u8]) -> Option<usize> {
    let digits = |at: usize| {
        let count = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit());
        Some(count.count()).filter(|count| *count > 0)
    };

    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let integer = digits(at)?;
    if integer > 1 && bytes[at] == b'0' {
        return None;
    }
    at += integer;

    if bytes.get(at) == Some(&b'.') {
        at += 1 + digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at += digits(at)?;
    }
    Some(at)
}

/// Returns the length of the escape at the start of the bytes.
fn escape_length(bytes: &[u8]) -> Result<usize, NotJson> {
    match bytes.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        Some(b'u') => {
            let digits = bytes.get(2..6).ok_or(NotJson)?;
            let are_hex = digits.iter().all(u8::is_ascii_hexdigit);
            are_hex.then_some(6).ok_or(NotJson)
        }
        _ => Err(NotJson),
    }
}

/// Returns the number of bytes before the first quote, backslash or control character.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let found = special_bytes(u64::from_le_bytes(*word));
        if found != 0 {
            return number * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }

    let is_plain = |byte: &&u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
    words.len() * 8 + rest.iter().take_while(is_plain).count()
}

/// Returns a word whose lowest set bit is in the first byte that is a quote, a backslash or a
/// control character. It is 0 if there is none.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let is_less = |word: u64, than: u64| word.wrapping_sub(ONES * than) & !word;

    let quote = is_less(word ^ (ONES * b'"' as u64), 1);
    let backslash = is_less(word ^ (ONES * b'\\' as u64), 1);
    (quote | backslash | is_less(word, 0x20)) & (ONES * 0x80)
}
