//! A component that is small as a file and takes gigabytes to compile.

use crate::guest::{Guest, HARMLESS};

/// Returns a good guest with `functions` additional functions. Each function has this many locals
/// in loops that are nested this deep. The memory to compile a function grows with the product of
/// `locals` and `depth`; the time also grows with the number of functions.
pub fn compile_bomb(functions: usize, locals: usize, depth: usize) -> Vec<u8> {
    let declared = "i32 ".repeat(locals);
    let uses: String = (0..locals)
        .map(|n| format!("(local.set {n} (i32.add (local.get {n}) (i32.const 1)))\n"))
        .collect();
    let (loops, ends) = (
        "loop ".repeat(depth),
        "local.get 0 br_if 0 end ".repeat(depth),
    );

    let bombs = format!("(func (local {declared}) {loops} {uses} {ends})").repeat(functions);
    Guest {
        core: &bombs,
        ..HARMLESS
    }
    .build()
}
