//! JSON pointers (RFC 6901), which point at a part of the JSON.

/// A parsed pointer. The empty pointer points at the whole JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// Parses a pointer such as `/data/object`, or the empty pointer. Returns `None` if the text is
    /// not a pointer.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let tokens = text.strip_prefix('/')?.split('/');
        tokens.map(unescape).collect::<Option<_>>().map(Self)
    }

    /// Returns the names of the members or the indexes of the elements, from the outside in.
    pub fn tokens(&self) -> &[String] {
        &self.0
    }
}

/// Replaces `~1` by `/` and `~0` by `~`. Any other `~` is an error.
fn unescape(token: &str) -> Option<String> {
    let mut plain = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '~' => match chars.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return None,
            },
            c => c,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointer_syntax_follows_rfc_6901() {
        let parse = |text| Pointer::parse(text).map(|pointer| pointer.0);
        assert_eq!(parse(""), Some(vec![]));
        assert_eq!(parse("/"), Some(vec![String::new()]));
        assert_eq!(
            parse("/a~1b/m~0n/0"),
            Some(vec!["a/b".into(), "m~n".into(), "0".into()])
        );
        for bad in ["a", "/a~", "/a~2"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
