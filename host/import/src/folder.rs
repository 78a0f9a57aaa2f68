//! The folder of an imported provider: what is in it, and what a further import writes.
//!
//! A file that a person may have edited is never overwritten: `provider.toml` and the samples are
//! written once, and an edited WIT file stays, with the new one beside it.

mod bodies;
mod files;
mod options;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::document::digest;
use crate::error::{Error, Fault};
use crate::import::{Imported, Options};
use crate::lock::Lock;
use crate::samples::Body;

pub use bodies::read as read_bodies;

/// A provider's folder as it is.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The options of the last import.
    pub options: Option<Options>,
    /// What the last import found.
    pub lock: Option<Lock>,
    /// The samples in the folder.
    pub samples: Vec<Body>,
}

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The file is written for the first time.
    New,
    /// The file is replaced.
    Replaced,
    /// The file stays as it is.
    Kept,
    /// The file was edited and stays. The new content is written beside it, as `<file>.new`.
    Beside,
}

/// A file of the folder after an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The path below the folder.
    pub path: String,
    /// What becomes of the file.
    pub fate: Fate,
    /// The content, unless the file is kept.
    text: Option<String>,
}

impl Folder {
    /// Looks at a folder, which need not exist.
    ///
    /// # Errors
    ///
    /// Fails if the folder has files and was not made by an import, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut folder = Self {
            path: path.to_owned(),
            options: None,
            lock: None,
            samples: Vec::new(),
        };
        if files::is_empty(path)? {
            return Ok(folder);
        }
        let Some(lock) = files::read(path, "import.lock")? else {
            let shown = path.display().to_string();
            return Err(Error::in_file(&shown, Fault::ForeignFolder));
        };
        let lock = Lock::read(&lock).map_err(|error| folder.fail("import.lock", error.into()))?;
        folder.lock = Some(lock);
        if let Some(text) = files::read(path, "import.toml")? {
            let options = Options::read(&text);
            folder.options = Some(options.map_err(|fault| folder.fail("import.toml", fault))?);
        }
        let samples = path.join("samples");
        if samples.is_dir() {
            folder.samples = bodies::direct(&samples)?;
        }
        Ok(folder)
    }

    fn fail(&self, file: &str, fault: Fault) -> Error {
        Error::in_file(&self.path.join(file).display().to_string(), fault)
    }

    /// Returns what an import would do to each file, in the order in which they are written.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read.
    pub fn plan(&self, imported: &Imported, options: &Options) -> Result<Vec<Planned>, Error> {
        let name = &imported.name;
        let mut planned = vec![
            self.wit(&format!("{name}.wit"), &imported.wit)?,
            self.once("provider.toml", &imported.provider)?,
        ];
        for sample in &imported.samples {
            planned.push(self.once(&sample.path, &sample.text)?);
        }
        planned.push(self.always("import.toml", options::write(options))?);
        planned.push(self.always("import.lock", imported.lock.to_string())?);
        Ok(planned)
    }

    /// Returns the lines of `[events]` that the `provider.toml` of the folder does not have.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or if it is not TOML.
    pub fn missing_events(&self, imported: &Imported) -> Result<Vec<String>, Error> {
        let Some(text) = files::read(&self.path, "provider.toml")? else {
            return Ok(Vec::new());
        };
        let known = options::events(&text).map_err(|fault| self.fail("provider.toml", fault))?;
        let lines = imported.events.iter().zip(&imported.event_lines);
        let missing = lines.filter(|(event, _)| !known.contains(&event.event_type));
        Ok(missing.map(|(_, line)| line.clone()).collect())
    }

    /// Writes the files of a plan. Each is written beside its place and then moved there.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be written, or if there is a link in its place.
    pub fn write(&self, planned: &[Planned]) -> Result<(), Error> {
        for file in planned {
            let Some(text) = &file.text else {
                continue;
            };
            let path = match file.fate {
                Fate::Beside => format!("{}.new", file.path),
                _ => file.path.clone(),
            };
            files::write(&self.path, &path, text)?;
        }
        Ok(())
    }

    fn wit(&self, path: &str, text: &str) -> Result<Planned, Error> {
        let Some(present) = files::read(&self.path, path)? else {
            return Ok(planned(path, Fate::New, text));
        };
        let is_ours = self
            .lock
            .as_ref()
            .is_some_and(|it| it.wit == digest(present.as_bytes()));
        Ok(match () {
            () if present == text => kept(path),
            () if is_ours => planned(path, Fate::Replaced, text),
            () => planned(path, Fate::Beside, text),
        })
    }

    fn once(&self, path: &str, text: &str) -> Result<Planned, Error> {
        Ok(match files::read(&self.path, path)? {
            Some(_) => kept(path),
            None => planned(path, Fate::New, text),
        })
    }

    fn always(&self, path: &str, text: String) -> Result<Planned, Error> {
        Ok(match files::read(&self.path, path)? {
            Some(present) if present == text => kept(path),
            Some(_) => planned(path, Fate::Replaced, &text),
            None => planned(path, Fate::New, &text),
        })
    }
}

fn planned(path: &str, fate: Fate, text: &str) -> Planned {
    Planned {
        path: path.to_owned(),
        fate,
        text: Some(text.to_owned()),
    }
}

fn kept(path: &str) -> Planned {
    Planned {
        path: path.to_owned(),
        fate: Fate::Kept,
        text: None,
    }
}
