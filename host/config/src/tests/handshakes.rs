//! The `[[handshake]]` tables of providers, and the keys of sources for them.

use super::support::{Folder, source};

const HEAD: &str = "name = \"own\"\npackage = \"own:webhooks\"\nkey = { json = \"/id\" }\n\
                    type = { json = \"/type\" }\n";
const HMAC: &str = "[scheme]\ndefault = \"hmac\"\nallowed = [\"hmac\", \"bearer\"]\n[scheme.hmac]\n\
                    hash = \"sha256\"\nencoding = \"hex\"\n\
                    signature = { header = \"X-Signature\" }\nsigned = \"v0:{body}\"\n";
const SECRETS: &str = "secrets = [{ env = \"SECRET\" }]";

/// Returns the faults of a provider with these handshakes and a source with these lines.
fn faults(handshakes: &str, lines: &str) -> Vec<String> {
    let folder = Folder::new();
    folder.write(
        "providers/own/provider.toml",
        &format!("{HEAD}{handshakes}\n{HMAC}"),
    );
    let source = source(&format!("provider = \"own\"\n{lines}"));
    folder.faults(&format!("[providers]\nfolder = \"providers\"\n{source}"))
}

/// Checks the one fault in the first handshake of a provider, which begins at line 5.
#[track_caller]
fn check_provider(handshake: &str, expected: &str) {
    let found = faults(&format!("[[handshake]]\n{handshake}"), SECRETS);
    let expected = format!("providers/own/provider.toml:{expected}");
    // A source of a faulty provider has a fault of its own.
    assert_eq!(found.last(), Some(&expected), "of\n{handshake}\n{found:#?}");
}

#[test]
fn faults_of_handshakes_name_their_line() {
    for (handshake, expected) in [
        (
            "answer = { status = 204 }",
            "5: handshake[0]: `when` is missing: the requests that ask for the handshake, such as \
             { method = \"GET\", query = \"challenge\" }",
        ),
        (
            "when = []",
            "6: handshake[0].when: is empty, so that it would hold for every request; name a value",
        ),
        (
            "when = { method = \"get\", query = \"c\" }",
            "6: handshake[0].when.method: unknown method `get` (choose one of GET, OPTIONS, POST)",
        ),
        (
            "when = [{ method = \"GET\", query = \"c\" }, { method = \"POST\", query = \"d\" }]",
            "6: handshake[0].when: has two methods, and a request has one; remove one of them",
        ),
        (
            "when = { method = \"GET\" }",
            "6: handshake[0].when: must contain exactly one of `header = \"…\"`, `json = \"/…\"`, \
             `query = \"…\"` and `form = \"…\"`",
        ),
        (
            "when = { method = \"GET\", query = \"c\" }\nanswer = { text = \"{json:/c}\" }",
            "5: handshake[0]: the handshake cannot work: it reads the field `/c` of the body, and a \
             GET has no body",
        ),
        (
            "when = { json = \"/c\" }\nlearn = { json = \"/c\" }",
            "5: handshake[0]: the handshake cannot work: it learns the secret that would have to \
             verify its request; add `verified = false`",
        ),
        (
            "when = { json = \"/c\" }\nanswer = { text = \"{hmac-sha1:json:/c}\" }",
            "7: handshake[0].answer.text: `{hmac-sha1:json:/c}` is not a valid template: \
             `{hmac-sha1:json:/c}` is not known; write `{hmac-sha256-hex:PLACE}` or \
             `{hmac-sha256-base64:PLACE}`",
        ),
        (
            "when = { json = \"/c\" }\nanswer = { json = { a = \"{json:c}\" } }",
            "7: handshake[0].answer.json: a: `{json:c}` is not a valid template: `c` is not a JSON \
             pointer; start with `/`, and write `~1` for `/` and `~0` for `~` within a name",
        ),
        (
            "when = { json = \"/c\" }\nanswer = { text = \"a\", json = {} }",
            "7: handshake[0].answer: contains both `text` and `json`; remove one of them",
        ),
        (
            "when = { json = \"/c\" }\nanswer = { status = 204, text = \"a\" }",
            "7: handshake[0].answer: the answer cannot be sent: an answer with the status 204 has no \
             body",
        ),
        (
            "when = { json = \"/c\" }\nanswer = { headers = { Content-Type = \"text/html\" } }",
            "7: handshake[0].answer: the answer cannot be sent: the host sets the header \
             `content-type`; remove it",
        ),
    ] {
        check_provider(handshake, expected);
    }
}

#[test]
fn handshake_needs_the_keys_of_its_source() {
    let meta = "[[handshake]]\nwhen = { method = \"GET\", query = \"c\" }\nverified = false\n\
                require = { query = \"t\" }\nanswer = { text = \"{query:c}\" }";
    let token = "handshake_secret = { env = \"SECRET\" }";
    assert_eq!(faults(meta, &format!("{SECRETS}\n{token}")), [""; 0]);
    let missing = "hookyard.toml:3: tenants.acme.sources.x: a handshake of the provider compares a \
                   value with a secret of the source; add handshake_secret = { env = \"NAME\" }, and \
                   give the same secret to the sender";
    assert_eq!(faults(meta, SECRETS), [missing]);
    assert_eq!(
        faults(meta, "scheme = \"unverified\""),
        [""; 0],
        "it does without"
    );

    let superfluous = "hookyard.toml:6: tenants.acme.sources.x.handshake_secret: no handshake of own \
                       compares a value with it; remove it";
    assert_eq!(faults("", &format!("{SECRETS}\n{token}")), [superfluous]);
}

#[test]
fn only_the_hmac_scheme_signs_an_answer() {
    let crc = "[[handshake]]\nwhen = { method = \"GET\", query = \"c\" }\nverified = false\n\
               answer = { text = \"{hmac-sha256-hex:query:c}\" }";
    assert_eq!(faults(crc, SECRETS), [""; 0]);
    assert_eq!(
        faults(crc, &format!("scheme = \"bearer\"\n{SECRETS}")),
        [
            "hookyard.toml:3: tenants.acme.sources.x: the handshake cannot work: its answer contains \
          an HMAC, and the scheme bearer has no secret for one; use `hmac`"
        ]
    );
}

#[test]
fn learning_source_needs_no_secret() {
    let notion = "[[handshake]]\nwhen = { json = \"/verification_token\" }\nverified = false\n\
                  learn = { json = \"/verification_token\" }";
    for lines in ["learning = true", "learning = true\nsecrets = []"] {
        assert_eq!(faults(notion, lines), [""; 0], "{lines}");
    }
    assert_eq!(
        faults(notion, &format!("learning = true\n{SECRETS}")),
        [""; 0]
    );
    let without = "hookyard.toml:5: tenants.acme.sources.x.learning: no handshake of own brings a \
                   secret; remove it";
    assert_eq!(
        faults("", &format!("learning = true\n{SECRETS}")),
        [without]
    );
    let missing = &faults(notion, "learning = false")[0];
    assert!(missing.contains("`secrets` is missing"), "{missing}");

    let folder = Folder::new();
    folder.write(
        "providers/own/provider.toml",
        &format!("{HEAD}{notion}\n{HMAC}"),
    );
    let text = source("provider = \"own\"\nlearning = true");
    let read = folder.read(&format!("[providers]\nfolder = \"providers\"\n{text}"));
    let notes: Vec<_> = read.notes.iter().map(ToString::to_string).collect();
    assert!(
        notes[0].contains("anybody can send a secret now"),
        "{notes:?}"
    );
}
