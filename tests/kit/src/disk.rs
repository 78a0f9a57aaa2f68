//! A disk that fails on demand: `disk.c`, compiled by the system's C compiler and preloaded into
//! the host.
//!
//! Everything else in the host is unchanged, including the calls of SQLite. Linux only.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};

use crate::site::Site;
use crate::workspace;

/// The condition of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Every call works.
    Well,
    /// Files cannot grow (`ENOSPC`).
    Full,
    /// Each write stores only half of its bytes, as a write to a nearly full disk can.
    Short,
    /// Syncs fail (`EIO`), and the unsynced data is lost, as on Linux.
    Unsyncable,
    /// Writes and syncs fail (`EIO`).
    Broken,
    /// The power fails within a few operations, and a random part of the unsynced data is lost. The
    /// number is the seed.
    Cut(u64),
}

/// The disk that holds a site's store.
pub struct Disk {
    control: PathBuf,
    files: PathBuf,
    shim: &'static Path,
}

impl Disk {
    /// Creates the disk of this site, in working condition. The first call compiles the library,
    /// which blocks.
    pub fn of(site: &Site) -> Result<Self> {
        let disk = Self {
            control: site.path("disk"),
            files: site.path("data/hookyard.db"),
            shim: shim()?,
        };
        disk.be(Condition::Well)?;
        Ok(disk)
    }

    /// Sets the condition of the disk.
    pub fn be(&self, condition: Condition) -> Result<()> {
        let text = match condition {
            Condition::Well => String::new(),
            Condition::Full => "full".into(),
            Condition::Short => "short".into(),
            Condition::Unsyncable => "unsyncable".into(),
            Condition::Broken => "broken".into(),
            Condition::Cut(seed) => format!("cut {seed}"),
        };
        std::fs::write(&self.control, text).context("the disk's control file cannot be written")
    }

    /// Returns the environment variables that the host needs.
    pub fn variables(&self) -> [(String, String); 3] {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        [
            ("LD_PRELOAD".into(), text(self.shim)),
            ("HOOKYARD_DISK".into(), text(&self.control)),
            ("HOOKYARD_DISK_FILES".into(), text(&self.files)),
        ]
    }
}

fn shim() -> Result<&'static Path> {
    static SHIM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = SHIM.get_or_init(|| compile().map_err(|error| format!("{error:#}")));
    built.as_deref().map_err(|error| anyhow!("{error}"))
}

fn compile() -> Result<PathBuf> {
    let source = workspace::root().join("tests/kit/src/disk/disk.c");
    let folder = workspace::target_folder()?.join("disk");
    std::fs::create_dir_all(&folder)?;
    // Written under another name first, so that a parallel test never loads half a file.
    let aside = folder.join(format!("{}.so", std::process::id()));
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let status = Command::new(&compiler)
        .args([
            "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o",
        ])
        .args([&aside, &source])
        .status()
        .with_context(|| format!("the C compiler {} did not start", compiler.display()))?;
    ensure!(
        status.success(),
        "{} did not compile ({status})",
        source.display()
    );
    let shim = folder.join("disk.so");
    std::fs::rename(&aside, &shim).context("the compiled disk cannot be put in its place")?;
    Ok(shim)
}
