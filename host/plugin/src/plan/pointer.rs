//! JSON pointers (RFC 6901): the way to a part of the JSON.

/// A parsed pointer; the empty one points at the whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pointer(Vec<String>);

impl Pointer {
    /// Parses a pointer such as `/data/object` or the empty one; `None` when it is neither.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let tokens = text.strip_prefix('/')?.split('/');
        tokens.map(unescape).collect::<Option<_>>().map(Self)
    }

    /// The names of the members, or the numbers of the elements, outermost first.
    pub(crate) fn tokens(&self) -> &[String] {
        &self.0
    }
}

/// `~1` stands for `/` and `~0` for `~`; any other `~` is an error.
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
    fn pointers_parse_as_rfc_6901_says() {
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
