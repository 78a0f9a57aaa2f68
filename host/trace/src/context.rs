//! The context that hosts pass to each other: `traceparent` of W3C Trace Context, level 1
//! (<https://www.w3.org/TR/trace-context-1/>).

use std::fmt;
use std::str::FromStr;

use crate::{SpanId, TraceId};

/// The name of the header.
pub const TRACEPARENT: &str = "traceparent";
/// The flag of a trace that the caller records.
pub const FLAG_SAMPLED: u8 = 1;

/// A trace, and the span in it that caused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The trace.
    pub trace: TraceId,
    /// The span of the caller.
    pub span: SpanId,
    /// The flags, such as [`FLAG_SAMPLED`].
    pub flags: u8,
}

impl Context {
    /// Returns the id of a span that this context causes, the `place`th with this name and id.
    pub fn caused(&self, name: &str, id: &[u8], place: [u32; 2]) -> SpanId {
        let [one, two] = place.map(u32::to_be_bytes);
        SpanId::of(&[&self.trace.0, &self.span.0, name.as_bytes(), id, &one, &two])
    }
}

/// A text is not a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidContext;

impl FromStr for Context {
    type Err = InvalidContext;

    /// Parses a header's value. Later versions may have further fields, which are ignored (3.2.4).
    fn from_str(text: &str) -> Result<Self, InvalidContext> {
        let mut fields = text.split('-');
        let mut field = || fields.next().ok_or(InvalidContext);
        let [version] = hex(field()?)?;
        let trace: [u8; 16] = hex(field()?)?;
        let span: [u8; 8] = hex(field()?)?;
        let [flags] = hex(field()?)?;

        let has_more = fields.next().is_some();
        let is_invalid =
            version == 0xff || (version == 0 && has_more) || trace == [0; 16] || span == [0; 8];
        if is_invalid {
            return Err(InvalidContext);
        }
        Ok(Self {
            trace: TraceId(trace),
            span: SpanId(span),
            flags,
        })
    }
}

impl fmt::Display for Context {
    /// Writes a header's value of version 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// Reads exactly `N` bytes of lower-case hexadecimal digits.
fn hex<const N: usize>(text: &str) -> Result<[u8; N], InvalidContext> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(InvalidContext);
    }

    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(InvalidContext),
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn context_is_written_as_read() {
        let context: Context = TEXT.parse().expect("a context");
        assert_eq!(context.flags, FLAG_SAMPLED);
        assert_eq!(context.to_string(), TEXT);

        let later = TEXT.replacen("00-", "cc-", 1) + "-what-the-future-will-be-like";
        assert_eq!(later.parse(), Ok(context));
    }

    #[test]
    fn invalid_contexts_are_refused() {
        for text in [
            "",
            "00",
            &TEXT[..54],
            &format!("{TEXT}-"),
            &format!("{TEXT}0"),
            &TEXT.to_uppercase(),
            &TEXT.replacen("00-", "ff-", 1),
            &TEXT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &TEXT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &TEXT.replace("4bf9", "4bg9"),
            &TEXT.replace("4bf9", "é4b"),
        ] {
            assert_eq!(text.parse::<Context>(), Err(InvalidContext), "{text}");
        }
    }
}
