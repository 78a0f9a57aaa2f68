//! Handles events as the sender wrote them.

const hookyard = @import("hookyard");
const untyped = @import("untyped");

comptime {
    untyped.handle(handle);
}

pub fn handle(message: untyped.Message, delivery: hookyard.Delivery) !void {
    if (message.body.len == 0) return hookyard.reject("the body is empty", .{});

    const event_type = delivery.event_type orelse "an event without a type";
    hookyard.log.info("{s}: {d} bytes, {d} headers", .{ event_type, message.body.len, message.headers.len });
}
