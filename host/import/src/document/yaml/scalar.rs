//! Plain scalars by the core schema of YAML 1.2 (section 10.3.2).

use crate::document::Value;

/// Returns the value that a text without quotes stands for. Numbers become decimal, as JSON has
/// them.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let based = |prefix, radix| {
        let digits: &str = text.strip_prefix(prefix)?;
        let is_unsigned = digits.starts_with(|c: char| c.is_ascii_alphanumeric());
        let number = u64::from_str_radix(digits, radix).ok()?;
        is_unsigned.then(|| number.to_string())
    };
    let number = based("0x", 16).or_else(|| based("0o", 8));
    match number.or_else(|| decimal(text)) {
        Some(number) => Value::Number(number),
        None => Value::Text(text.to_owned()),
    }
}

/// Returns a decimal number as JSON writes it: without `+`, with digits on both sides of the point.
fn decimal(text: &str) -> Option<String> {
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let (number, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && is_digits(digits)
    });
    // JSON has no number like `0123`, and a reader who meant the text would lose the zero.
    if whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    let is_number = is_digits(whole) && is_digits(fraction) && has_exponent;
    if !is_number || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }

    let whole = if whole.is_empty() { "0" } else { whole };
    let mut written = format!("{sign}{whole}");
    if !fraction.is_empty() {
        written.push_str(&format!(".{fraction}"));
    }
    if let Some(exponent) = exponent {
        written.push_str(&format!("e{exponent}"));
    }
    Some(written)
}
