//! For editors, and for `zig build test`. `hookyard build` does not need this file.

const std = @import("std");

pub fn build(b: *std.Build) void {
    const imports = module(b, "gen/imports.zig");
    const hookyard = module(b, "gen/sdk/hookyard.zig");
    const topi_saas = module(b, "gen/topi_saas.zig");
    const handler = module(b, "src/handler.zig");
    const tests = module(b, "test/handler_test.zig");

    hookyard.addImport("imports", imports);
    topi_saas.addImport("imports", imports);
    for ([_]*std.Build.Module{ topi_saas, handler, tests }) |user| user.addImport("hookyard", hookyard);
    for ([_]*std.Build.Module{ handler, tests }) |user| user.addImport("topi_saas", topi_saas);
    tests.addImport("handler", handler);

    const run = b.addRunArtifact(b.addTest(.{ .root_module = tests }));
    b.step("test", "Run the unit tests").dependOn(&run.step);
}

fn module(b: *std.Build, path: []const u8) *std.Build.Module {
    return b.createModule(.{ .root_source_file = b.path(path), .target = b.graph.host });
}
