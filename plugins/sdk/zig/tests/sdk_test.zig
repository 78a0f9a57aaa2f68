//! Tests of the SDK in the world of native tests. The bindings are those of a plugin that imports everything.

const std = @import("std");
const hookyard = @import("hookyard");

const world = &hookyard.testing.world;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

test "layout is that of the canonical ABI" {
    const Record = struct { one: bool, two: i64, three: ?u32, four: []const u8 };
    const Layout = hookyard.abi.Layout(Record);
    try expectEqual(32, Layout.size);
    try expectEqual(8, Layout.alignment);
    try expectEqual(6, Layout.flat);

    const Variant = union(enum) { one: []const u8, two: u8, three };
    try expectEqual(12, hookyard.abi.Layout(Variant).size);
    try expectEqual(3, hookyard.abi.Layout(Variant).flat);
    const Flags = packed struct(u8) { one: bool, two: bool, _: u6 };
    try expectEqual(1, hookyard.abi.Layout(Flags).size);
}

test "money is written with digits" {
    try expectEqualStrings("49.98", hookyard.minorUnits(4998, 2));
    try expectEqualStrings("-0.05", hookyard.minorUnits(-5, 2));
    try expectEqualStrings("7", hookyard.minorUnits(7, 0));
    try expectEqualStrings("-9223372036854775.808", hookyard.minorUnits(std.math.minInt(i64), 3));
}

test "setting that is not a number is an error" {
    world.reset();
    try expectEqual(null, try hookyard.settingInt(u8, "limit"));
    world.setSetting("limit", "7");
    try expectEqual(7, (try hookyard.settingInt(u8, "limit")).?);
    world.setSetting("limit", "256");
    try std.testing.expectError(error.HostError, hookyard.settingInt(u8, "limit"));
    try expectEqualStrings("setting \"limit\" is \"256\", not a number", hookyard.reason());
}

fn next(old: ?i64) i64 {
    return (old orelse 0) + 1;
}

fn writeValues(_: void, _: hookyard.Delivery) !void {
    const counts = hookyard.bucket(i64, "b");
    try expectEqual(41, try counts.increment("a", 41));
    try expectEqual(42, try counts.update("a", next));

    const Point = struct { x: i64, y: ?[]const u8 = null };
    const points = hookyard.bucket(Point, "b");
    try points.set("z", .{ .x = 1, .y = "é" });
    try expectEqualStrings("é", (try points.get("z")).?.y.?);
    try expectEqual(2, (try points.keys()).len);
    try points.delete("z");
    try expect(!try points.exists("z"));

    try hookyard.bucket([]const u8, "b").set("a", "many");
    _ = try counts.get("a");
}

test "failed run writes nothing" {
    world.reset();
    try std.testing.expectError(error.HostError, world.run(writeValues, {}));
    try expectEqualStrings("bucket \"b\", key \"a\": the value is not a i64", hookyard.reason());
    try expectEqual(0, world.values.items.len);
}

fn respondTwice(_: void, _: hookyard.Delivery) !void {
    try respondOnce({}, undefined);
    try respondOnce({}, undefined);
}

fn respondOnce(_: void, _: hookyard.Delivery) !void {
    const headers = [_]hookyard.Answer.Header{.{ .name = "x-pot", .value = "round" }};
    try hookyard.respond(.{ .status = 201, .headers = &headers, .body = "made" });
}

test "answer of a successful run is kept" {
    world.reset();
    try world.run(respondOnce, {});
    try expectEqual(201, world.answer.?.status);
    try expectEqualStrings("made", world.answer.?.body);

    try std.testing.expectError(error.HostError, world.run(respondTwice, {}));
    try expectEqualStrings("responder: this attempt has responded already", hookyard.reason());
    try expectEqual(null, world.answer);
    world.is_asked = false;
    try std.testing.expectError(error.HostError, world.run(respondOnce, {}));
}

fn request(_: void, _: hookyard.Delivery) !void {
    _ = try (try hookyard.http.get("https://example.com")).orRetry();
}

test "statuses become outcomes" {
    world.reset();
    try std.testing.expectError(error.HostError, world.run(request, {}));
    world.http = .{ .status = 429, .body = "" };
    try std.testing.expectError(error.Retry, world.run(request, {}));
    world.http = .{ .status = 204, .body = "" };
    try world.run(request, {});
}
