//! The terms on which a partner makes contracts: the configured values, or the defaults of this
//! file.

/// The countries in which contracts are made, unless the operator configures others.
const COUNTRIES: &str = "DE, AT, NL, FR, ES";
/// The accepted currencies, unless the operator configures others.
const CURRENCIES: &str = "EUR";

/// The terms of a partner, as upper-case codes.
#[derive(Debug, PartialEq, Eq)]
pub struct Terms {
    pub countries: Vec<String>,
    pub currencies: Vec<String>,
}

impl Terms {
    /// Reads settings such as `DE, AT`.
    pub fn new(countries: Option<&str>, currencies: Option<&str>) -> Self {
        Self {
            countries: codes(countries.unwrap_or(COUNTRIES)),
            currencies: codes(currencies.unwrap_or(CURRENCIES)),
        }
    }
}

fn codes(setting: &str) -> Vec<String> {
    setting
        .split(',')
        .map(str::trim)
        .filter(|code| !code.is_empty())
        .map(str::to_ascii_uppercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_replace_default_terms() {
        let check = |countries, currencies, expected: [&[&str]; 2]| {
            let terms = Terms::new(countries, currencies);
            assert_eq!(
                [terms.countries, terms.currencies],
                expected.map(|codes| codes.to_vec())
            );
        };
        check(None, None, [&["DE", "AT", "NL", "FR", "ES"], &["EUR"]]);
        check(Some("ch,li"), Some(" CHF ,"), [&["CH", "LI"], &["CHF"]]);
        check(Some(""), None, [&[], &["EUR"]]);
    }
}
