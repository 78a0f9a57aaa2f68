//! A component that is small as a file and takes gigabytes to compile.

use crate::guest::{Guest, HARMLESS};

/// A good guest with that many more functions, each of which has so many locals in loops that are
/// nested so deep. The memory that one function takes grows with the product of both numbers, and
/// the time with the number of functions too.
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
