//! Components: reading and compiling them, and the archive of those that have served.
//!
//! [`load`] reads a plugin's files, checks them and compiles the component. [`archive`] stores
//! components so that a revision can come back after its file has been replaced. [`references`]
//! notices changes to the files that plugins' settings refer to. [`work`] runs loads off the
//! keeper's task and hands out their results, tenant by tenant.

pub(crate) mod archive;
pub(crate) mod load;
pub(crate) mod references;
pub(crate) mod work;
