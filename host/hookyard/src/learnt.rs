//! The folder of the secrets that handshakes brought: `handshakes/<tenant>/<source>` next to the
//! store, one file for each secret, readable by the host's user only.
//!
//! The host writes the files, and `hookyard handshakes` shows and removes them. A file is complete
//! when it has its name. Nothing else in the host reads the files.
//!
//! Anybody can send a secret to a source that learns. So each source has few files, no secret replaces
//! another, and the folder of a source is visited at most once a second. A flood of secrets after the
//! sender's own therefore neither removes the sender's secret nor keeps the disk busy.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hookyard_ingress::{LearntSecret, LearntSecrets, NotKept};
use hookyard_model::{SourceRef, Timestamp};
use hookyard_schemes::Secret;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

const FOLDER: &str = "handshakes";
/// The maximum number of secrets of one source.
const SECRETS_MAX: usize = 5;
/// The time in which the folder of one source is visited at most once.
const VISIT_EVERY: Duration = Duration::from_secs(1);

/// The folder of all sources.
#[derive(Clone)]
pub(crate) struct LearntFolder {
    folder: PathBuf,
    /// The last visit of each source's folder. Locked while a secret is written.
    visits: Arc<Mutex<HashMap<SourceRef, Visit>>>,
}

/// A visit of the folder of a source.
struct Visit {
    at: Timestamp,
    /// The secrets in the folder at the end of the visit.
    secrets: Vec<Secret>,
}

/// A secret in its file.
pub(crate) struct StoredSecret {
    pub(crate) learnt: LearntSecret,
    path: PathBuf,
}

/// The content of a file.
#[derive(Serialize, Deserialize)]
struct Entry {
    secret: String,
    peer: String,
    /// The time at which the secret came, in milliseconds since 1970.
    received_at: i64,
}

impl LearntFolder {
    /// Returns the folder next to this store.
    pub(crate) fn beside(store: &Path) -> Self {
        Self {
            folder: store.with_file_name(FOLDER),
            visits: Arc::default(),
        }
    }

    fn of(&self, source: &SourceRef) -> PathBuf {
        let tenant = self.folder.join(source.tenant.as_str());
        tenant.join(source.name.as_str())
    }

    /// Returns the secrets of a source, the oldest first.
    pub(crate) fn read(&self, source: &SourceRef) -> io::Result<Vec<StoredSecret>> {
        let files = match files(&self.of(source)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            files => files?,
        };
        let complete = files.into_iter().filter(|path| is_complete(path));
        complete.map(StoredSecret::read).collect()
    }

    /// Writes a secret durably, unless the source has it already. Returns the secrets of the source.
    fn write(&self, source: &SourceRef, learnt: &LearntSecret) -> io::Result<Vec<Secret>> {
        let folder = self.of(source);
        hookyard_private::folder(&folder)?;
        remove_unfinished(&folder)?;
        let stored = self.read(source)?.into_iter();
        let mut secrets: Vec<_> = stored.map(|stored| stored.learnt.secret).collect();
        if secrets.contains(&learnt.secret) || secrets.len() >= SECRETS_MAX {
            return Ok(secrets);
        }

        let path = folder.join(file_name(learnt.received_at));
        let partial = path.with_extension("partial");
        let mut file = hookyard_private::create_anew(&partial)?;
        file.write_all(&serde_json::to_vec(&Entry::from(learnt))?)?;
        file.sync_all()?;
        fs::rename(&partial, &path)?;
        fs::File::open(&folder)?.sync_all()?;

        secrets.push(learnt.secret.clone());
        Ok(secrets)
    }
}

#[async_trait]
impl LearntSecrets for LearntFolder {
    async fn keep(&self, source: &SourceRef, learnt: LearntSecret) -> Result<(), NotKept> {
        let mut visits = Arc::clone(&self.visits).lock_owned().await;
        if let Some(last) = visits.get(source).filter(|it| it.is_recent(&learnt)) {
            return last.require(&learnt, || NotKept::TooSoon {
                period: VISIT_EVERY,
            });
        }

        // A sender that hangs up ends this future, but not the task: the task owns the lock.
        let (folder, source) = (self.clone(), source.clone());
        let visited = tokio::task::spawn_blocking(move || {
            let secrets = folder.write(&source, &learnt)?;
            let at = learnt.received_at;
            let visit = visits.entry(source).insert_entry(Visit { at, secrets });
            visit.get().require(&learnt, || NotKept::Full {
                secrets_max: SECRETS_MAX,
            })
        });
        visited.await.map_err(io::Error::other)?
    }
}

impl Visit {
    /// Returns whether the visit was just before the secret came. A clock that was set back must not
    /// delay the next visit.
    fn is_recent(&self, learnt: &LearntSecret) -> bool {
        let now = learnt.received_at;
        self.at <= now && now.since(self.at) < VISIT_EVERY
    }

    /// Fails if the secret is not in the folder.
    fn require(
        &self,
        learnt: &LearntSecret,
        otherwise: impl FnOnce() -> NotKept,
    ) -> Result<(), NotKept> {
        if self.secrets.contains(&learnt.secret) {
            Ok(())
        } else {
            Err(otherwise())
        }
    }
}

impl StoredSecret {
    fn read(path: PathBuf) -> io::Result<Self> {
        let entry: Entry = serde_json::from_slice(&hookyard_private::read(&path)?)?;
        let learnt = LearntSecret {
            secret: Secret::from(entry.secret),
            peer: entry.peer.into(),
            received_at: Timestamp::from_unix_millis(entry.received_at),
        };
        Ok(Self { learnt, path })
    }

    /// Removes the file. Does nothing if the file is gone.
    pub(crate) fn remove(self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl From<&LearntSecret> for Entry {
    fn from(learnt: &LearntSecret) -> Self {
        Self {
            secret: String::from_utf8_lossy(learnt.secret.expose()).into_owned(),
            peer: learnt.peer.to_string(),
            received_at: learnt.received_at.unix_millis(),
        }
    }
}

/// Returns a name that sorts by time and that no other secret has.
fn file_name(received_at: Timestamp) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(
        "{:016}-{:08}-{count:08}.json",
        received_at.unix_millis(),
        std::process::id()
    )
}

/// Returns the files in a folder, in order of their names.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut files = entries.collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

fn is_complete(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("json"))
}

/// Removes what a crash left behind while a secret was written.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    let unfinished = files(folder)?.into_iter().filter(|path| !is_complete(path));
    unfinished.into_iter().try_for_each(fs::remove_file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn learnt(secret: &str, at: i64) -> LearntSecret {
        LearntSecret {
            secret: Secret::from(secret),
            peer: "203.0.113.7:4".into(),
            received_at: Timestamp::from_unix_millis(at),
        }
    }

    fn source(name: &str) -> SourceRef {
        SourceRef {
            tenant: "acme".parse().expect("a name"),
            name: name.parse().expect("a name"),
        }
    }

    fn texts(folder: &LearntFolder, source: &SourceRef) -> Vec<String> {
        let stored = folder.read(source).expect("readable").into_iter();
        stored
            .map(|stored| String::from_utf8_lossy(stored.learnt.secret.expose()).into_owned())
            .collect()
    }

    const SECOND: i64 = 1000;

    #[tokio::test]
    async fn first_few_secrets_are_kept_privately() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = LearntFolder::beside(&data.path().join("hookyard.db"));
        let tasks = source("tasks");
        assert_eq!(texts(&folder, &tasks), [""; 0]);

        for number in 1..=5 {
            let secret = learnt(&format!("secret-{number}"), number * SECOND);
            folder.keep(&tasks, secret).await.expect("kept");
        }
        let surplus = folder.keep(&tasks, learnt("secret-6", 6 * SECOND)).await;
        assert!(matches!(surplus, Err(NotKept::Full { .. })), "{surplus:?}");
        let kept = ["secret-1", "secret-2", "secret-3", "secret-4", "secret-5"];
        assert_eq!(texts(&folder, &tasks), kept);
        assert_eq!(texts(&folder, &source("other")), [""; 0]);

        let path = folder.of(&tasks);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        for file in files(&path).expect("readable") {
            assert_eq!(mode(&file), hookyard_private::FILE);
        }
    }

    #[tokio::test]
    async fn flood_writes_once_a_second() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = LearntFolder::beside(&data.path().join("hookyard.db"));
        let (tasks, other) = (source("tasks"), source("other"));
        folder
            .keep(&tasks, learnt("genuine", 0))
            .await
            .expect("kept");

        for number in 1..100 {
            let forged = learnt(&format!("forged-{number}"), number);
            let refused = folder.keep(&tasks, forged).await;
            assert!(matches!(refused, Err(NotKept::TooSoon { .. })));
        }
        let again = folder.keep(&tasks, learnt("genuine", 100)).await;
        again.expect("the sender repeats the handshake");
        folder.keep(&other, learnt("own", 100)).await.expect("kept");
        assert_eq!(texts(&folder, &tasks), ["genuine"]);

        let earlier = folder.keep(&tasks, learnt("second", -SECOND)).await;
        earlier.expect("the clock was set back");
        assert_eq!(texts(&folder, &tasks).len(), 2);
    }

    #[tokio::test]
    async fn sender_that_hangs_up_leaves_the_lock_to_the_write() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = LearntFolder::beside(&data.path().join("hookyard.db"));
        let tasks = source("tasks");
        for number in 1..=5 {
            let secret = learnt(&format!("secret-{number}"), number * SECOND);
            let kept = folder.keep(&tasks, secret);
            // One poll starts the write, and the future is dropped.
            let _ = tokio::time::timeout(Duration::ZERO, kept).await;
            drop(folder.visits.lock().await);
            let count = usize::try_from(number).expect("a few");
            assert_eq!(texts(&folder, &tasks).len(), count);
        }
    }

    #[tokio::test]
    async fn same_secret_is_kept_once() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = LearntFolder::beside(&data.path().join("hookyard.db"));
        let tasks = source("tasks");
        for number in 1..=3 {
            let secret = learnt("the-same", number * SECOND);
            folder.keep(&tasks, secret).await.expect("kept");
        }
        let stored = folder.read(&tasks).expect("readable");
        assert_eq!(stored.len(), 1);
        assert_eq!(stored[0].learnt, learnt("the-same", SECOND));
        stored
            .into_iter()
            .try_for_each(StoredSecret::remove)
            .expect("removed");
        assert_eq!(texts(&folder, &tasks), [""; 0]);
    }

    #[tokio::test]
    async fn unfinished_file_is_no_secret() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = LearntFolder::beside(&data.path().join("hookyard.db"));
        let tasks = source("tasks");
        fs::create_dir_all(folder.of(&tasks)).expect("made");
        fs::write(folder.of(&tasks).join("1.partial"), "{").expect("written");
        assert_eq!(texts(&folder, &tasks), [""; 0]);
        folder
            .keep(&tasks, learnt("whole-one", 1))
            .await
            .expect("kept");
        assert_eq!(files(&folder.of(&tasks)).expect("readable").len(), 1);
    }
}
