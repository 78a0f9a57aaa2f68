//! A temporary folder with a configuration, keys and secrets.

use std::fs;

use tempfile::TempDir;

use crate::{Reading, Settings, read_with};

/// The value of the environment variable `SECRET`, and of the file `topi.secret`.
pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const JWK: &str = r#"{"kty":"EC","crv":"P-256","alg":"ES256","kid":"k","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

/// An operator's folder with keys, and an environment with one secret.
pub(super) struct Folder(pub(super) TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.write("topper.jwk", JWK);
        folder.write("topi.secret", &format!("{SECRET}\n"));
        folder.write("empty.secret", "\n");
        folder
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    pub(super) fn read(&self, text: &str) -> Reading {
        self.write("hookyard.toml", text);
        let variable = |name: &str| (name == "SECRET").then(|| SECRET.into());
        read_with(&self.0.path().join("hookyard.toml"), &variable)
    }

    /// Returns the faults, one line each, with paths relative to the folder.
    pub(super) fn faults(&self, text: &str) -> Vec<String> {
        let Err(faults) = self.read(text).result else {
            return Vec::new();
        };
        let prefix = format!("{}/", self.0.path().display());
        let faults = faults.to_string().replace(&prefix, "");
        faults.lines().map(str::to_owned).collect()
    }

    pub(super) fn settings(&self, text: &str) -> Settings {
        self.read(text)
            .result
            .unwrap_or_else(|faults| panic!("{faults}"))
    }
}

/// Returns `lines` in the table of a source of the tenant acme.
pub(super) fn source(lines: &str) -> String {
    format!("[tenants.acme.sources.x]\n{lines}")
}

/// Checks that a configuration has one fault, and its message.
#[track_caller]
pub(super) fn check(text: &str, expected: &str) {
    assert_eq!(Folder::new().faults(text), [expected], "of\n{text}");
}
