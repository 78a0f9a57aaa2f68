//! Builds a plugin in C++ with clang or with `zig c++`. The result is a core module without types.

use super::c::compiler::Compiler;
use super::c::sources;
use super::{BuildError, Output, Workshop};

/// The options of C++, which are also in `compile_flags.txt` of the template. The libraries for
/// WebAssembly are built without exceptions. Their checks trap, such as one for the value of an
/// `std::expected` that has none.
const STANDARD: &[&str] = &[
    "-std=c++23",
    "-fno-exceptions",
    "-fno-rtti",
    "-U_LIBCPP_HARDENING_MODE",
    "-D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_FAST",
];

/// Builds the plugin of a folder.
pub(super) fn build(workshop: &Workshop<'_>) -> Result<Output, BuildError> {
    let compiler = Compiler::find(true)?;
    compiler.announce(workshop, "C++");

    let mut objects = Vec::new();
    for source in sources(workshop.folder, &["c", "cc", "cpp", "cxx"])? {
        let is_c = source.extension().is_some_and(|extension| extension == "c");
        let options = if is_c { &["-xc", "-std=c17"] } else { STANDARD };
        objects.push(compiler.compile(workshop, &source, options)?);
    }
    compiler.link(workshop, &objects)
}
