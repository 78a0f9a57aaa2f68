//! The file that keeps senders' certificates across restarts: JSON, next to the store, readable by
//! the host's user only.
//!
//! The file holds certificates that have verified a message. The host trusts the file as it trusts
//! the store: a process that can write to the data folder can write events as well. Nothing depends
//! on the file: without it, the host fetches the certificates again.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use hookyard_ingress::{CertificateArchive, ProvenCertificate};
use hookyard_model::{Timestamp, chain};
use serde::{Deserialize, Serialize};

const FILE_NAME: &str = "certificates.json";

/// The maximum size of the file, in bytes. It is larger than what ingress keeps: 64 certificates of
/// 64 KiB each.
const BYTES_MAX: u64 = 8 << 20;

/// The archive of certificates in a file.
pub(super) struct CertificateFile(PathBuf);

/// A certificate in the file.
#[derive(Serialize, Deserialize)]
struct Entry {
    url: String,
    pem: String,
    /// The time until which the certificate is used, in milliseconds since 1970.
    until: i64,
}

impl CertificateFile {
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

impl CertificateArchive for CertificateFile {
    fn load(&self) -> Vec<ProvenCertificate> {
        match self.read() {
            Ok(entries) => entries.into_iter().map(ProvenCertificate::from).collect(),
            Err(error) => {
                self.warn(
                    &error,
                    "stored certificates cannot be read; they will be fetched again",
                );
                Vec::new()
            }
        }
    }

    fn save(&self, certificates: &[ProvenCertificate]) {
        let entries: Vec<_> = certificates.iter().map(Entry::from).collect();
        if let Err(error) = self.write(&entries) {
            self.warn(
                &error,
                "certificates cannot be stored; they will be fetched again after a restart",
            );
        }
    }
}

impl From<&ProvenCertificate> for Entry {
    fn from(certificate: &ProvenCertificate) -> Self {
        Self {
            url: certificate.url.clone(),
            pem: String::from_utf8_lossy(&certificate.pem).into_owned(),
            until: certificate.until.unix_millis(),
        }
    }
}

impl From<Entry> for ProvenCertificate {
    fn from(entry: Entry) -> Self {
        let Entry { url, pem, until } = entry;
        Self {
            url,
            pem: pem.into(),
            until: Timestamp::from_unix_millis(until),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn certificate(url: &str) -> ProvenCertificate {
        ProvenCertificate {
            url: url.to_owned(),
            pem: "PEM".into(),
            until: Timestamp::from_unix_millis(7),
        }
    }

    #[test]
    fn certificates_are_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = CertificateFile::beside(&folder.path().join("hookyard.db"));
        assert_eq!(file.load(), []);
        file.save(&[certificate("one"), certificate("two")]);
        file.save(&[certificate("two")]);
        assert_eq!(file.load(), [certificate("two")]);
        let mode = std::fs::metadata(folder.path().join(FILE_NAME))
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, hookyard_private::FILE);
    }

    #[test]
    fn damaged_certificate_file_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = CertificateFile::beside(&folder.path().join("hookyard.db"));
        std::fs::write(folder.path().join(FILE_NAME), "[{").expect("written");
        assert_eq!(file.load(), []);
        file.save(&[certificate("one")]);
        assert_eq!(file.load(), [certificate("one")]);
    }
}
