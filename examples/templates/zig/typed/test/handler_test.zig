//! Native unit tests: `make test`. `hookyard.testing` has the world in which the handler runs.

const std = @import("std");
const hookyard = @import("hookyard");
const {{namespace.snake}} = @import("{{namespace.snake}}");
const handler = @import("handler");

// @first
const event = std.mem.zeroInit({{namespace.snake}}.{{payload.pascal}}, .{});

fn run(key: []const u8) !void {
    return handler.{{case.camel}}(event, std.mem.zeroInit(hookyard.Delivery, .{ .event_id = "event-1", .key = key }));
}

test "event is logged" {
    hookyard.testing.world.reset();
    try run("key-1");
    try std.testing.expectEqualStrings("{{case.kebab}} event-1", hookyard.testing.world.log.items[0]);
}

test "event without key is rejected" {
    try std.testing.expectError(error.Reject, run(""));
    try std.testing.expectEqualStrings("the event has no key", hookyard.reason());
}
// @end
