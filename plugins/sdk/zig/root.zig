//! The root of the module: what the standard library asks of a program, and the author's handlers.

const std = @import("std");
const hookyard = @import("hookyard");

pub const panic = std.debug.FullPanic(hookyard.panic);
pub const std_options: std.Options = .{ .logFn = hookyard.logFn, .log_level = .debug };

comptime {
    _ = @import("handler");
}
