//! The file that keeps senders' certificates and keys across restarts: JSON, next to the store,
//! readable by the host's user only.
//!
//! The file holds documents that have verified a message. The host trusts the file as it trusts the
//! store: a process that can write to the data folder can write events as well. Nothing depends on the
//! file: without it, the host fetches the documents again.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use hookyard_ingress::{DocumentArchive, ProvenDocument};
use hookyard_model::{Timestamp, chain};
use hookyard_schemes::{DocumentId, JsonPointer};
use serde::{Deserialize, Serialize};

/// The name is older than the keys in the file.
const FILE_NAME: &str = "certificates.json";

/// The maximum size of the file, in bytes. It is larger than what ingress keeps: 128 documents of
/// 64 KiB each, with the characters that JSON escapes.
const BYTES_MAX: u64 = 16 << 20;

/// The archive of documents in a file.
pub(super) struct DocumentFile(PathBuf);

/// A document in the file: a certificate has `pem`, a key set has `keys`, a single key has `key`.
#[derive(Serialize, Deserialize)]
struct Entry {
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pem: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keys: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<SingleKey>,
    /// The time until which the document is used, in milliseconds since 1970.
    until: i64,
}

/// A single key: the answer to a request, and what identifies the key. The credentials of the request
/// are not in the file.
#[derive(Serialize, Deserialize)]
struct SingleKey {
    id: String,
    /// The fingerprint of the request.
    request: String,
    answer: String,
    /// The JSON pointer of the key in the answer.
    place: String,
}

impl DocumentFile {
    /// Returns the archive in the folder of this store.
    pub(super) fn beside(store: &Path) -> Self {
        Self(store.with_file_name(FILE_NAME))
    }

    fn read(&self) -> std::io::Result<Vec<Entry>> {
        let file = match std::fs::File::open(&self.0) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };

        let mut text = String::new();
        file.take(BYTES_MAX).read_to_string(&mut text)?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Writes a new file and renames it over the old one, so that a reader finds one of the two,
    /// complete.
    fn write(&self, entries: &[Entry]) -> std::io::Result<()> {
        let partial = self.0.with_extension("json.partial");
        let mut file = hookyard_private::create_anew(&partial)?;
        file.write_all(&serde_json::to_vec(entries)?)?;
        std::fs::rename(&partial, &self.0)
    }

    fn warn(&self, error: &std::io::Error, message: &'static str) {
        let file = self.0.display();
        tracing::warn!(target: "hookyard::ingress", %file, reason = chain(error), "{message}");
    }
}

impl DocumentArchive for DocumentFile {
    fn load(&self) -> Vec<ProvenDocument> {
        match self.read() {
            Ok(entries) => entries.into_iter().filter_map(document).collect(),
            Err(error) => {
                self.warn(
                    &error,
                    "stored certificates and keys cannot be read; they will be fetched again",
                );
                Vec::new()
            }
        }
    }

    fn save(&self, documents: &[ProvenDocument]) {
        let entries: Vec<_> = documents.iter().map(Entry::from).collect();
        if let Err(error) = self.write(&entries) {
            self.warn(
                &error,
                "certificates and keys cannot be stored; they will be fetched again after a restart",
            );
        }
    }
}

impl From<&ProvenDocument> for Entry {
    fn from(document: &ProvenDocument) -> Self {
        let text = String::from_utf8_lossy(&document.bytes).into_owned();
        let (url, [pem, keys], key) = match &document.id {
            DocumentId::Certificate { url } => (url, [Some(text), None], None),
            DocumentId::KeySet { url } => (url, [None, Some(text)], None),
            DocumentId::Key {
                url,
                request,
                key,
                id,
            } => {
                let key = SingleKey {
                    id: id.clone(),
                    request: request.clone(),
                    answer: text,
                    place: key.as_str().to_owned(),
                };
                (url, [None, None], Some(key))
            }
        };
        Self {
            url: url.clone(),
            pem,
            keys,
            key,
            until: document.until.unix_millis(),
        }
    }
}

/// Returns a document of the file; `None` if the entry is not complete.
fn document(entry: Entry) -> Option<ProvenDocument> {
    let Entry { url, until, .. } = entry;
    let (id, text) = match (entry.pem, entry.keys, entry.key) {
        (Some(pem), ..) => (DocumentId::Certificate { url }, pem),
        (None, Some(keys), _) => (DocumentId::KeySet { url }, keys),
        (None, None, key) => {
            let SingleKey {
                id,
                request,
                answer,
                place,
            } = key?;
            let key = JsonPointer::parse(&place).ok()?;
            let id = DocumentId::Key {
                url,
                request,
                key,
                id,
            };
            (id, answer)
        }
    };
    Some(ProvenDocument {
        id,
        bytes: text.into(),
        until: Timestamp::from_unix_millis(until),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn stored(id: DocumentId) -> ProvenDocument {
        ProvenDocument {
            id,
            bytes: "text".into(),
            until: Timestamp::from_unix_millis(7),
        }
    }

    fn certificate(url: &str) -> ProvenDocument {
        let url = url.to_owned();
        stored(DocumentId::Certificate { url })
    }

    fn key_set(url: &str) -> ProvenDocument {
        let url = url.to_owned();
        stored(DocumentId::KeySet { url })
    }

    fn single_key(id: &str) -> ProvenDocument {
        stored(DocumentId::Key {
            url: "https://keys.example/get".to_owned(),
            request: "a fingerprint".to_owned(),
            key: JsonPointer::parse("/key").expect("a pointer"),
            id: id.to_owned(),
        })
    }

    #[test]
    fn documents_are_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = DocumentFile::beside(&folder.path().join("hookyard.db"));
        assert_eq!(file.load(), []);
        file.save(&[certificate("one"), certificate("two")]);
        let documents = [certificate("two"), key_set("keys"), single_key("one")];
        file.save(&documents);
        assert_eq!(file.load(), documents);
        let mode = std::fs::metadata(folder.path().join(FILE_NAME))
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, hookyard_private::FILE);
    }

    #[test]
    fn damaged_file_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = DocumentFile::beside(&folder.path().join("hookyard.db"));
        std::fs::write(folder.path().join(FILE_NAME), "[{").expect("written");
        assert_eq!(file.load(), []);
        file.save(&[certificate("one")]);
        assert_eq!(file.load(), [certificate("one")]);
    }
}
