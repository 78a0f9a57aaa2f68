//! The world of a native unit test: the host's functions work on these values.

const std = @import("std");
const hookyard = @import("hookyard.zig");

const Value = struct { bucket: ?[]const u8, key: []const u8, value: ?[]const u8 };

pub const Message = struct {
    /// The function of the provider, such as "offer-accepted"; empty for `send`.
    name: []const u8,
    destination: ?[]const u8,
    body: []const u8,
    payload: *const anyopaque,

    /// The payload that the plugin passed, which must be of this type.
    pub fn as(self: Message, comptime T: type) T {
        return @as(*const T, @ptrCast(@alignCast(self.payload))).*;
    }
};

/// The values of the world.
pub var world: World = .{};

pub const World = struct {
    values: std.ArrayList(Value) = .empty,
    sent: std.ArrayList(Message) = .empty,
    log: std.ArrayList([]const u8) = .empty,
    /// The answer of the last run to the request that brought the event.
    answer: ?hookyard.Answer = null,
    /// Whether the source asks for an answer.
    is_asked: bool = true,
    /// The answer to every request.
    http: ?hookyard.http.Response = null,

    /// Empties the world.
    pub fn reset(self: *World) void {
        self.* = .{};
    }

    pub fn setSetting(self: *World, name: []const u8, text: []const u8) void {
        self.add(&self.values, Value{ .bucket = null, .key = name, .value = text });
    }

    /// Runs a handler. As with the host, nothing is written, sent or answered unless the handler succeeds.
    pub fn run(self: *World, handler: anytype, event: anytype) anyerror!void {
        const before = .{ self.values.items.len, self.sent.items.len };
        self.answer = null;
        errdefer {
            self.answer = null;
            self.values.shrinkRetainingCapacity(before[0]);
            self.sent.shrinkRetainingCapacity(before[1]);
        }
        var delivery = std.mem.zeroInit(hookyard.Delivery, .{});
        delivery.attempt = 1;
        return handler(event, delivery);
    }

    /// A value of the store as it is now.
    pub fn value(self: *World, bucket: ?[]const u8, key: []const u8) ?[]const u8 {
        var index = self.values.items.len;
        while (index > 0) {
            index -= 1;
            const found = self.values.items[index];
            if (sameBucket(found.bucket, bucket) and std.mem.eql(u8, found.key, key)) return found.value;
        }
        return null;
    }

    fn add(_: *World, list: anytype, item: anytype) void {
        list.append(hookyard.allocator, item) catch @panic("out of memory");
    }
};

fn sameBucket(one: ?[]const u8, other: ?[]const u8) bool {
    if (one == null or other == null) return one == null and other == null;
    return std.mem.eql(u8, one.?, other.?);
}

pub fn settingOf(name: []const u8) ?[]const u8 {
    return world.value(null, name);
}

pub fn valueOf(bucket: []const u8, key: []const u8) ?[]const u8 {
    return world.value(bucket, key);
}

pub fn put(bucket: []const u8, key: []const u8, value: ?[]const u8) void {
    world.add(&world.values, Value{ .bucket = bucket, .key = key, .value = value });
}

pub fn keysOf(bucket: []const u8) []const []const u8 {
    var found: std.ArrayList([]const u8) = .empty;
    for (world.values.items, 0..) |item, index| {
        if (!sameBucket(item.bucket, bucket) or world.value(bucket, item.key) == null) continue;
        const is_listed = for (world.values.items[0..index]) |earlier| {
            if (sameBucket(earlier.bucket, bucket) and std.mem.eql(u8, earlier.key, item.key)) break true;
        } else false;
        if (!is_listed) world.add(&found, item.key);
    }
    std.mem.sort([]const u8, found.items, {}, struct {
        fn lessThan(_: void, one: []const u8, other: []const u8) bool {
            return std.mem.lessThan(u8, one, other);
        }
    }.lessThan);
    return found.items;
}

pub fn add(bucket: []const u8, key: []const u8, by: i64) error{HostError}!i64 {
    const text = valueOf(bucket, key) orelse "0";
    const old = std.fmt.parseInt(i64, text, 10) catch return hookyard.hostError("bucket \"{s}\": not a number", .{bucket});
    const sum = std.math.add(i64, old, by) catch return hookyard.hostError("bucket \"{s}\": the sum does not fit", .{bucket});
    put(bucket, key, hookyard.format("{d}", .{sum}));
    return sum;
}

pub fn logged(line: []const u8) void {
    world.add(&world.log, line);
}

pub fn record(name: []const u8, destination: ?[]const u8, payload: anytype, body: []const u8) []const u8 {
    const kept = hookyard.allocator.create(@TypeOf(payload)) catch @panic("out of memory");
    kept.* = payload;
    world.add(&world.sent, Message{ .name = name, .destination = destination, .body = body, .payload = kept });
    return hookyard.format("message-{d}", .{world.sent.items.len});
}

pub fn respond(answered: hookyard.Answer) error{HostError}!void {
    if (!world.is_asked) return hookyard.notResponded(hookyard.not_asked);
    if (world.answer != null) return hookyard.notResponded(hookyard.already);
    world.answer = answered;
}

pub fn answer(url: []const u8) error{HostError}!hookyard.http.Response {
    return world.http orelse hookyard.hostError("http: {s}: the world of the test has no answer", .{url});
}
