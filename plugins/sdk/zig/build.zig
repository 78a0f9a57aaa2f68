//! The unit tests of a plugin for its `build.zig`.

const std = @import("std");

/// Adds the step `test`. `types` is the name of the file with the generated types, without its extension.
pub fn addTests(b: *std.Build, types: []const u8) void {
    const imports = module(b, "gen/imports.zig");
    const hookyard = module(b, "gen/sdk/hookyard.zig");
    const generated = module(b, b.fmt("gen/{s}.zig", .{types}));
    const handler = module(b, "src/handler.zig");
    const tests = module(b, "test/handler_test.zig");

    hookyard.addImport("imports", imports);
    generated.addImport("imports", imports);
    for ([_]*std.Build.Module{ generated, handler, tests }) |user| user.addImport("hookyard", hookyard);
    for ([_]*std.Build.Module{ handler, tests }) |user| user.addImport(types, generated);
    tests.addImport("handler", handler);

    const run = b.addRunArtifact(b.addTest(.{ .root_module = tests }));
    b.step("test", "Run the unit tests").dependOn(&run.step);
}

fn module(b: *std.Build, path: []const u8) *std.Build.Module {
    return b.createModule(.{ .root_source_file = b.path(path), .target = b.graph.host });
}
