//! Builds the plugins that tests and the demo drop into the host's folder, with the installed Rust.
//!
//! Each plugin is a separate workspace, as for a user who copies it. All plugins share one target
//! folder. Rustup adds the target `wasm32-wasip2` if it is missing, as `rust-toolchain.toml`
//! requests.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail, ensure};
use aws_lc_rs::digest::{SHA256, digest};

use crate::sns::hex;
use crate::workspace;

const TARGET: &str = "wasm32-wasip2";

/// Returns the compiled plugin of `plugins/<name>`.
pub fn reference(name: &str) -> Result<Guest> {
    named(name, all_reference()?)
}

/// Returns the compiled guest with this name, an example of `tests/guests`.
pub fn test(name: &str) -> Result<Guest> {
    static GUESTS: Built = OnceLock::new();
    named(
        name,
        once(&GUESTS, || build(&[workspace::root().join("tests/guests")]))?,
    )
}

/// Builds all plugins in `plugins/`. Later calls return at once.
pub fn all_reference() -> Result<&'static BTreeMap<String, Guest>> {
    static GUESTS: Built = OnceLock::new();
    once(&GUESTS, || {
        let mut folders: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(workspace::root().join("plugins"))
            .context("the folder plugins/ cannot be read")?
        {
            let folder = entry?.path();
            if folder.join("Cargo.toml").is_file() {
                folders.push(folder);
            }
        }
        folders.sort();
        build(&folders)
    })
}

/// Builds a copy of `plugins/<name>` in which a text of `src/lib.rs` is replaced.
pub fn edited(name: &str, from: &str, to: &str) -> Result<Guest> {
    let original = workspace::root().join("plugins").join(name);
    let copy = workspace::target_folder()?.join("guests/edited").join(name);
    copy_folder(&original, &copy)?;
    let edit = |file: &str, from: &str, to: &str| {
        let path = copy.join(file);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        ensure!(
            text.contains(from),
            "{file} of the plugin {name} no longer says {from}"
        );
        fs::write(&path, text.replace(from, to))
            .with_context(|| format!("{} cannot be written", path.display()))
    };
    edit("src/lib.rs", from, to)?;
    // The copy has another package name, so that the original's file in the shared target folder
    // stays unchanged.
    for file in ["Cargo.toml", "Cargo.lock"] {
        edit(
            file,
            &format!("name = \"{name}\""),
            &format!("name = \"{name}-edited\""),
        )?;
    }
    named(&format!("{name}-edited"), &build(&[copy])?)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());

        if !entry.file_type()?.is_dir() {
            fs::copy(entry.path(), target)?;
        } else if entry.file_name() != "target" {
            copy_folder(&entry.path(), &target)?;
        }
    }
    Ok(())
}

/// A component for the plugin folder.
#[derive(Debug, Clone)]
pub struct Guest {
    bytes: Vec<u8>,
}

impl Guest {
    /// Returns the content of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the revision: the SHA-256 of the content in hex.
    pub fn revision(&self) -> String {
        hex(digest(&SHA256, &self.bytes).as_ref())
    }

    /// Returns the same code as another revision, with the tag in a custom section, which engines
    /// ignore.
    #[must_use]
    pub fn tagged(&self, tag: &str) -> Self {
        self.with_section("hookyard-test", tag.as_bytes())
    }

    /// Returns the same code with a custom section at its end.
    #[must_use]
    pub fn with_section(&self, name: &str, content: &[u8]) -> Self {
        let name = [&leb128(name.len())[..], name.as_bytes()].concat();
        let length = leb128(name.len() + content.len());
        Self {
            bytes: [&self.bytes, &[0][..], &length, &name, content].concat(),
        }
    }
}

/// Encodes a number as LEB128.
fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Uses any bytes as the content of a component file.
impl From<Vec<u8>> for Guest {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }
}

type Guests = BTreeMap<String, Guest>;
type Built = OnceLock<Result<Guests, String>>;

fn once(built: &'static Built, build: impl FnOnce() -> Result<Guests>) -> Result<&'static Guests> {
    built
        .get_or_init(|| build().map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow!("{error}"))
}

fn named(name: &str, guests: &Guests) -> Result<Guest> {
    let known = || {
        guests
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    guests
        .get(name)
        .cloned()
        .with_context(|| format!("no guest is called {name}; there are {}", known()))
}

/// Builds these packages for WebAssembly and reads the components, by the names of their targets
/// with `-` instead of `_`.
fn build(folders: &[PathBuf]) -> Result<Guests> {
    let target_folder = workspace::target_folder()?.join("guests");
    fs::create_dir_all(&target_folder)?;
    // Two processes would ask rustup for the target at the same time.
    let lock = File::create(target_folder.join(".hookyard-lock"))?;
    lock.lock()
        .context("the guests' target folder cannot be locked")?;
    ensure_target()?;
    let mut guests = Guests::new();
    for folder in folders {
        let mut command = workspace::cargo();
        command
            .args([
                "build",
                "--quiet",
                "--release",
                "--target",
                TARGET,
                "--target-dir",
            ])
            .arg(&target_folder);
        command
            .arg("--manifest-path")
            .arg(folder.join("Cargo.toml"));
        if folder.join("Cargo.lock").is_file() {
            command.arg("--locked");
        }
        if folder.join("examples").is_dir() {
            command.arg("--examples");
        }
        // Flags for the host, such as those of a coverage run, do not work for WebAssembly.
        command
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        for artifact in workspace::build(command, &folder.display().to_string())? {
            let component = artifact
                .files
                .into_iter()
                .find(|file| file.extension().is_some_and(|end| end == "wasm"));
            if let Some(file) = component {
                let bytes = fs::read(&file)
                    .with_context(|| format!("{} was built and cannot be read", file.display()))?;
                guests.insert(artifact.name.replace('_', "-"), Guest { bytes });
            }
        }
    }
    Ok(guests)
}

/// Adds the WebAssembly target to the installed Rust if it is missing.
fn ensure_target() -> Result<()> {
    let sysroot = sysroot()?;
    if sysroot.join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    let added = Command::new("rustup")
        .current_dir(workspace::root())
        .args(["target", "add", TARGET])
        .status();
    match added {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            bail!("`rustup target add {TARGET}` failed ({status}); its own message stands above")
        }
        Err(error) => bail!(
            "the Rust in {} has no {TARGET}, and rustup, which could add it, did not start ({error}): \
             install Rust by https://rustup.rs, or add the target the way that this Rust was installed",
            sysroot.display()
        ),
    }
}

fn sysroot() -> Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .current_dir(workspace::root())
        .args(["--print", "sysroot"])
        .stderr(Stdio::inherit())
        .output()
        .context("rustc did not start")?;
    let path = String::from_utf8(output.stdout).context("rustc's sysroot is not UTF-8")?;
    Ok(Path::new(path.trim()).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_changes_guest_revision() {
        let empty = Guest::from(b"\0asm\x0d\0\x01\0".to_vec());
        let (one, two) = (empty.tagged("1"), empty.tagged("2"));
        assert_eq!(one.bytes(), b"\0asm\x0d\0\x01\0\0\x0f\x0dhookyard-test1");
        assert_ne!(one.revision(), two.revision());
        assert_eq!(empty.revision().len(), 64);
    }
}
