//! JSON as ECMAScript writes it again: `JSON.stringify(JSON.parse(text))`.
//!
//! Some senders sign the JSON that their server would write and not the bytes that they send. The
//! rules are those of ECMA-262 for `JSON.stringify` without indentation, for the order of the
//! properties of an object, and for `Number::toString`.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::Unreadable;

/// The maximum depth of objects and arrays within each other.
const DEPTH_MAX: usize = 128;

/// JSON that was written again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stringified {
    /// The text.
    pub text: String,
    /// A name that occurs more than once in one object. Only the last value of it is in the text.
    pub repeated: Option<String>,
    /// Whether a number has more digits than ECMAScript keeps, so that the text has another number.
    pub is_rounded: bool,
}

/// Returns what `JSON.stringify(JSON.parse(json))` returns.
///
/// # Errors
///
/// Returns [`Unreadable`] if the bytes are not JSON, are nested too deeply, or contain half of a
/// surrogate pair.
pub fn stringify(json: &[u8]) -> Result<Stringified, Unreadable> {
    let text = std::str::from_utf8(json).map_err(|_| not_json("no UTF-8"))?;
    let valid: &RawValue = serde_json::from_str(text).map_err(|_| not_json("a syntax error"))?;

    let mut writer = Writer {
        rest: valid.get(),
        out: String::with_capacity(json.len()),
        repeated: None,
        is_rounded: false,
    };
    writer.value(0)?;
    Ok(Stringified {
        text: writer.out,
        repeated: writer.repeated,
        is_rounded: writer.is_rounded,
    })
}

fn not_json(why: &str) -> Unreadable {
    Unreadable::NotJson(why.to_owned())
}

/// Reads JSON that is known to be valid, and writes it.
struct Writer<'a> {
    rest: &'a str,
    out: String,
    repeated: Option<String>,
    is_rounded: bool,
}

/// A member of an object: its name, and its name and value in the output.
struct Member<'a> {
    name: Cow<'a, str>,
    start: usize,
    end: usize,
}

impl<'a> Writer<'a> {
    fn value(&mut self, depth: usize) -> Result<(), Unreadable> {
        if depth > DEPTH_MAX {
            return Err(not_json("objects and arrays are nested too deeply"));
        }
        match self.next() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => {
                let text = self.string()?;
                self.push_string(&text);
                Ok(())
            }
            _ => {
                self.literal();
                Ok(())
            }
        }
    }

    /// Skips white space, and returns the next byte without taking it.
    fn next(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.rest.bytes().next()
    }

    /// Takes the next byte if it is this one.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.next() == Some(byte);
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }

    fn array(&mut self, depth: usize) -> Result<(), Unreadable> {
        self.take(b'[');
        self.out.push('[');
        let mut is_first = true;
        while !self.take(b']') && !self.rest.is_empty() {
            if !is_first {
                self.take(b',');
                self.out.push(',');
            }
            is_first = false;
            self.value(depth + 1)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), Unreadable> {
        self.take(b'{');
        self.out.push('{');
        let begin = self.out.len();
        let mut members: Vec<Member<'a>> = Vec::new();
        while !self.take(b'}') && !self.rest.is_empty() {
            if !members.is_empty() {
                self.take(b',');
                self.next();
                self.out.push(',');
            }
            let name = self.string()?;
            let start = self.out.len();
            self.push_string(&name);
            self.take(b':');
            self.out.push(':');
            self.value(depth + 1)?;
            let end = self.out.len();
            members.push(Member { name, start, end });
        }
        self.order(begin, members);
        self.out.push('}');
        Ok(())
    }

    /// Brings the members of an object into the order of ECMAScript: array indices by size, then
    /// all others as they were created. A repeated name keeps its first place and its last value.
    fn order(&mut self, begin: usize, members: Vec<Member<'a>>) {
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut last: Vec<&Member<'a>> = Vec::new();
        for member in &members {
            match places.get(&*member.name) {
                Some(place) => {
                    self.repeated.get_or_insert_with(|| member.name.to_string());
                    last[*place] = member;
                }
                None => {
                    places.insert(&member.name, last.len());
                    last.push(member);
                }
            }
        }
        let has_indices = last
            .iter()
            .any(|member| array_index(&member.name).is_some());
        if last.len() == members.len() && !has_indices {
            return;
        }

        // Stable: all other names stay in their order.
        last.sort_by_key(|member| array_index(&member.name).unwrap_or(u32::MAX));
        let ordered: Vec<_> = last
            .iter()
            .map(|member| &self.out[member.start..member.end])
            .collect();
        let ordered = ordered.join(",");
        self.out.truncate(begin);
        self.out.push_str(&ordered);
    }

    /// Takes a string, decoded.
    fn string(&mut self) -> Result<Cow<'a, str>, Unreadable> {
        self.next();
        let mut is_escaped = false;
        let end = self.rest.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        });
        let (text, rest) = self
            .rest
            .split_at(end.map_or(self.rest.len(), |end| end + 2));
        self.rest = rest;

        if text.contains('\\') {
            let decoded: String =
                serde_json::from_str(text).map_err(|_| not_json("half of a surrogate pair"))?;
            Ok(Cow::Owned(decoded))
        } else {
            Ok(Cow::Borrowed(text.trim_matches('"')))
        }
    }

    /// Writes a string. `serde_json` escapes the same characters as ECMAScript, in the same way.
    fn push_string(&mut self, text: &str) {
        let quoted = serde_json::to_string(text).unwrap_or_default();
        self.out.push_str(&quoted);
    }

    /// Takes and writes a number, `true`, `false` or `null`.
    fn literal(&mut self) {
        let end = self.rest.find([',', ']', '}', ' ', '\t', '\n', '\r']);
        let (text, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        match text.parse::<f64>() {
            Ok(number) => {
                let start = self.out.len();
                push_number(number, &mut self.out);
                self.is_rounded |= decimal(text) != decimal(&self.out[start..]);
            }
            Err(_) => self.out.push_str(text),
        }
    }
}

/// Returns the digits of a number without the zeros around them and without the sign, and the
/// exponent of the last digit. Returns `None` if the text is not a number.
fn decimal(number: &str) -> Option<(String, i64)> {
    let number = number.trim_start_matches('-').to_ascii_lowercase();
    let (mantissa, exponent) = number.split_once('e').unwrap_or((&number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some((String::new(), 0));
    }

    let significant = digits.trim_end_matches('0');
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let places = i64::try_from(fraction.len()).ok()?;
    let exponent: i64 = exponent.parse().ok()?;
    let last = exponent.checked_add(zeros)?.checked_sub(places)?;
    Some((significant.to_owned(), last))
}

/// Returns a name that is an array index (ECMA-262, 6.1.7).
fn array_index(name: &str) -> Option<u32> {
    let is_canonical = name == "0" || !name.starts_with(['0', '+']);
    let index = name.parse().ok().filter(|index| *index < u32::MAX);
    index.filter(|_| is_canonical)
}

/// Writes a number as `JSON.stringify` does (ECMA-262, `Number::toString` with radix 10).
fn push_number(number: f64, out: &mut String) {
    if !number.is_finite() {
        return out.push_str("null");
    }
    if number == 0.0 {
        return out.push('0');
    }
    if number < 0.0 {
        out.push('-');
    }

    // The shortest digits that mean this number, and its decimal exponent.
    let written = format!("{:e}", number.abs());
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let point = exponent + 1;

    if (1..=21).contains(&point) {
        let point = point.unsigned_abs() as usize;
        let (whole, fraction) = digits.split_at(point.min(digits.len()));
        out.push_str(whole);
        out.extend(std::iter::repeat_n('0', point - whole.len()));
        if !fraction.is_empty() {
            out.extend([".", fraction]);
        }
    } else if (-5..=0).contains(&point) {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', point.unsigned_abs() as usize));
        out.push_str(&digits);
    } else {
        let (first, rest) = digits.split_at(1);
        out.push_str(first);
        if !rest.is_empty() {
            out.extend([".", rest]);
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        out.extend(['e', sign]);
        out.push_str(&exponent.unsigned_abs().to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let written = stringify(json.as_bytes()).expect(json);
        assert_eq!(written.text, expected, "{json}");
    }

    // The results are those of Node 20.
    #[test]
    fn numbers_are_written_as_ecmascript_does() {
        for (number, expected) in [
            ("1.0", "1"),
            ("-0", "0"),
            ("-1.50", "-1.5"),
            ("1e21", "1e+21"),
            ("1e20", "100000000000000000000"),
            ("123456789012345680000", "123456789012345680000"),
            ("1E+2", "100"),
            ("1e-7", "1e-7"),
            ("1.5e-7", "1.5e-7"),
            ("0.000001", "0.000001"),
            ("0.1", "0.1"),
            ("12.34", "12.34"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("1e400", "null"),
            ("9007199254740993", "9007199254740992"),
        ] {
            check(number, expected);
        }
    }

    #[test]
    fn number_that_is_rounded_is_noticed() {
        let is_rounded = |json: &str| stringify(json.as_bytes()).expect(json).is_rounded;
        for exact in [
            "[0, -0, 0.0, 0e9, 7, -7, 10, 100.00, 1.50, 1e2, 1E+2, 100e-2, 0.1, 12.340]",
            "[1e21, 1e20, 120000000000000000000000, 1.5e-7, 0.00000015, 5e-324]",
            "[1.7976931348623157e308, 9007199254740991, 9007199254740992, true, null]",
            r#"{"9007199254740993":"9007199254740993"}"#,
        ] {
            assert!(!is_rounded(exact), "{exact}");
        }
        for rounded in [
            "9007199254740993",
            "-9007199254740993",
            "100.00000000000000001",
            "0.10000000000000000001",
            "1e400",
            "1e-400",
            "1e-99999999999999999999",
            "[1,{\"a\":123456789012345678901}]",
        ] {
            assert!(is_rounded(rounded), "{rounded}");
        }
    }

    #[test]
    fn members_are_ordered_as_ecmascript_does() {
        check(
            r#"{"b":1,"10":2,"a":3,"2":4}"#,
            r#"{"2":4,"10":2,"b":1,"a":3}"#,
        );
        check(r#"{"a":1,"b":2,"a":[3]}"#, r#"{"a":[3],"b":2}"#);
        check(
            r#"{"01":1,"0":2,"4294967295":3}"#,
            r#"{"0":2,"01":1,"4294967295":3}"#,
        );
        check(
            r#"{"x":{"1":{"b":1,"1":2}}}"#,
            r#"{"x":{"1":{"1":2,"b":1}}}"#,
        );
        let repeated = stringify(br#"[{"a":{"b":1,"b":2}}]"#).expect("JSON");
        assert_eq!(repeated.repeated.as_deref(), Some("b"));
    }

    #[test]
    fn strings_are_escaped_as_ecmascript_does() {
        check(
            r#" "\u00e9\/\u2028\u0001\t\u007f" "#,
            "\"\u{e9}/\u{2028}\\u0001\\t\u{7f}\"",
        );
        check(
            r#"["\"\\", "" , true,null ,false]"#,
            r#"["\"\\","",true,null,false]"#,
        );
        check("{ }", "{}");
        check("[ [ ] , {\"\":\"\"}]", "[[],{\"\":\"\"}]");
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for json in ["", "{", "nope", r#""\ud800""#, "[1,]", &deep] {
            assert!(stringify(json.as_bytes()).is_err(), "{json:.20}");
        }
        assert!(stringify(b"\xff").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_written_or_refused(text in "[\\[\\]{}\",:0-9eE+. \\\\u-]{0,40}") {
            if let Ok(once) = stringify(text.as_bytes()) {
                let twice = stringify(once.text.as_bytes()).expect("JSON");
                proptest::prop_assert_eq!(once.text, twice.text);
            }
        }
    }
}
