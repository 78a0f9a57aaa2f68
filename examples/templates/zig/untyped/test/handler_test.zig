//! Native unit tests: `make test`. `hookyard.testing` has the world in which the handler runs.

const std = @import("std");
const hookyard = @import("hookyard");
const untyped = @import("untyped");
const handler = @import("handler");

const world = &hookyard.testing.world;

fn run(body: []const u8) !void {
    return world.run(handler.handle, untyped.Message{ .headers = &.{}, .body = body });
}

test "event is logged" {
    world.reset();
    try run("hello");
    try std.testing.expectEqualStrings("an event without a type: 5 bytes, 0 headers", world.log.items[0]);
}

test "empty body is rejected" {
    world.reset();
    try std.testing.expectError(error.Reject, run(""));
}
