//! The place where a language's build works: the folder, its manifest and its WIT.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

use wit_parser::{Resolve, WorldId};

use super::{BUILD, BuildError};
use crate::bindings;
use crate::files::WriteError;
use crate::manifest::Manifest;

/// What the build of a language works with.
pub(crate) struct Workshop<'a> {
    /// The manifest of the folder.
    pub(crate) manifest: &'a Manifest,
    /// The author's folder.
    pub(crate) folder: &'a Path,
    /// `build/` in the folder, which exists.
    pub(crate) build: PathBuf,
    /// The plugin's WIT.
    pub(crate) resolve: &'a Resolve,
    /// The plugin's world.
    pub(crate) world: WorldId,
    progress: RefCell<&'a mut dyn FnMut(&str)>,
}

/// The result of a compiler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// A core module, with or without its component types.
    Core(Vec<u8>),
    /// A component.
    Component(Vec<u8>),
}

impl<'a> Workshop<'a> {
    pub(super) fn new(
        folder: &'a Path,
        manifest: &'a Manifest,
        (resolve, world): (&'a Resolve, WorldId),
        progress: &'a mut dyn FnMut(&str),
    ) -> Self {
        Self {
            manifest,
            folder,
            build: folder.join(BUILD),
            resolve,
            world,
            progress: RefCell::new(progress),
        }
    }

    /// Reports progress, or a warning, in a line for people.
    pub(crate) fn say(&self, line: &str) {
        (self.progress.borrow_mut())(line);
    }

    /// Warns if a tool is not the version that the templates are tested with.
    pub(crate) fn expect_version(&self, tool: &str, found: &str, tested: &str) {
        if found != tested {
            self.say(&format!(
                "warning: {tool} is {found}; Hookyard is tested with {tested}"
            ));
        }
    }

    /// Reads a file that a compiler wrote.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<u8>, BuildError> {
        let fault = |source| WriteError {
            path: path.to_owned(),
            source,
        };
        Ok(std::fs::read(path).map_err(fault)?)
    }

    pub(super) fn bindings_input(&self) -> bindings::Input<'_> {
        bindings::Input {
            manifest: self.manifest,
            resolve: self.resolve,
            world: self.world,
        }
    }
}

impl fmt::Debug for Workshop<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workshop")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}
