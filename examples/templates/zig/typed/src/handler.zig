//! Handles the events of {{provider.kebab}}. Remove the handlers that you do not need: an event without a handler is
//! logged and done.

const hookyard = @import("hookyard");
const {{namespace.snake}} = @import("{{namespace.snake}}");

comptime {
    {{namespace.snake}}.handle(.{
        // @each
        .{{case.snake}} = {{case.camel}},
        // @end
        // @each bare
        .{{case.snake}} = {{case.camel}},
        // @end
        // @other
        .other = other,
        // @end
    });
}

/// Every reason to reject an event is final: the host gives the job up.
fn check(delivery: hookyard.Delivery) !void {
    if (delivery.key.len == 0) return hookyard.reject("the event has no key", .{});
}

// @each
/// {{case.type}}
pub fn {{case.camel}}(_: {{namespace.snake}}.{{payload.pascal}}, delivery: hookyard.Delivery) !void {
    hookyard.log.info("{{case.kebab}} {s}", .{delivery.event_id});
    try check(delivery);
}

// @end
// @each bare
/// {{case.type}}
pub fn {{case.camel}}(delivery: hookyard.Delivery) !void {
    hookyard.log.info("{{case.kebab}} {s}", .{delivery.event_id});
    try check(delivery);
}

// @end
// @other
/// All other events, as JSON text.
fn other(event: []const u8, delivery: hookyard.Delivery) !void {
    hookyard.log.debug("no handler for event {s} of {d} bytes", .{ delivery.event_id, event.len });
}
// @end
