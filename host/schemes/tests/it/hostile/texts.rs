//! Texts of provider files and configurations: each is parsed or refused, and a text that is parsed
//! can be used.

use std::collections::BTreeMap;

use hookyard_schemes::recipe::{Encoding, PublicUrl};
use hookyard_schemes::{
    JsonPointer, Secret, SecretUse, SettingText, SettingValues, check_document, check_secret,
};
use proptest::prelude::*;

const USES: [SecretUse; 9] = [
    SecretUse::Bearer,
    SecretUse::Header,
    SecretUse::SentHeader,
    SecretUse::Token,
    SecretUse::Password,
    SecretUse::Path,
    SecretUse::Hmac(Encoding::Hex),
    SecretUse::Hmac(Encoding::Base64),
    SecretUse::StandardWebhooks,
];

proptest! {
    #[test]
    fn any_pointer_is_parsed_or_refused(text in "[/~01a*é]{0,12}", body in "[\\[\\]{}\":,a01 ]{0,30}") {
        if let Ok(pointer) = JsonPointer::parse(&text) {
            prop_assert_eq!(pointer.as_str(), &text);
            let _ = pointer.find(body.as_bytes());
        }
    }

    #[test]
    fn any_public_url_is_parsed_or_refused(
        text in "(https?://)?[a-zA-Z0-9.:@\\[\\]-]{0,12}(/[ -~]{0,12})?",
        query in proptest::option::of("[ -~]{0,9}"),
    ) {
        if let Ok(url) = PublicUrl::parse(&text) {
            prop_assert!(url.path().is_empty() || url.path().starts_with('/'));
            let whole = url.with_query(query.as_deref());
            prop_assert!(whole.starts_with(url.scheme()) && whole.contains(url.path()));
        }
    }

    #[test]
    fn any_setting_text_is_parsed_or_refused(text in "([{}a:/]|\\{setting:a\\}|\\{secret\\}){0,6}") {
        if let Ok(parsed) = SettingText::parse(&text) {
            let settings = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
            let secret = Secret::from("s");
            let _ = parsed.fill(SettingValues { settings: &settings, secret: Some(&secret) });
        }
    }

    /// A report quotes no byte of a secret: the longest run of letters in it is not in the report.
    #[test]
    fn any_secret_is_judged_and_not_quoted(
        secret in proptest::collection::vec(any::<u8>(), 0..40),
        text in "[ \n\t]{0,2}[QXZ]{6,40}[ \n\t=]{0,2}",
    ) {
        for used_for in USES {
            let _ = check_secret(&secret, used_for);
            let report = check_secret(text.as_bytes(), used_for);
            for line in report.faults.iter().chain(&report.notes) {
                prop_assert!(!line.contains(text.trim_matches([' ', '\n', '\t', '='])), "{}", line);
            }
        }
        let _ = check_document(&secret);
    }
}
