//! For editors, and for `zig build test`. `hookyard build` does not need this file.

const std = @import("std");

pub fn build(b: *std.Build) void {
    @import("gen/sdk/build.zig").addTests(b, "{{namespace.snake}}");
}
