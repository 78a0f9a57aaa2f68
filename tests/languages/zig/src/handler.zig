//! The behaviours that every language shows in the same way. The id of the offer selects the behaviour.

const std = @import("std");
const hookyard = @import("hookyard");
const topi_saas = @import("topi_saas");

const log = hookyard.log;

comptime {
    topi_saas.handle(.{ .offer_accepted_by_user = behave, .other = other });
}

pub fn behave(event: topi_saas.AcceptedByUser, delivery: hookyard.Delivery) !void {
    const payload = event.payload;
    const behaviour = std.meta.stringToEnum(Behaviour, payload.offer_id) orelse
        return hookyard.reject("unknown behaviour {s}", .{payload.offer_id});
    switch (behaviour) {
        .sum => try logSum(payload.offer),
        .title => logTitle(payload.offer.offer_lines[0].title orelse ""),
        .lines => log.info("lines {d}", .{payload.offer.offer_lines.len}),
        .optional => log.info("company {s}", .{payload.end_customer.company_name orelse "none"}),
        .delivery => log.info("delivery {s}/{s} {s} {s} {d}", .{
            delivery.tenant, delivery.source, delivery.provider, delivery.event_type orelse "none", delivery.attempt,
        }),
        .reject => return hookyard.reject("asked to reject", .{}),
        .retry => return hookyard.retry(60_000, "asked to retry", .{}),
        .trap => trap(),
        .@"host-error" => _ = try hookyard.send("nowhere", "{}", null),
        .log => logLevels(),
        .count => log.info("count {d}", .{try hookyard.bucket(i64, "counts").increment("offers", 1)}),
        .values => try changeValues(),
        .update => log.info("update {d}", .{try hookyard.bucket(i64, "counts").update("updates", next)}),
        .setting => log.info("setting {s}", .{hookyard.setting("mode") orelse "none"}),
        .send => _ = try hookyard.send("raw", "{\"hello\":\"wörld\"}", "k"),
        .respond => try hookyard.respond(.{
            .status = 201,
            .headers = &.{.{ .name = "X-Pot", .value = "round" }},
            .body = "{\"hello\":\"wörld\"}",
        }),
        .answer => _ = try topi_saas.outgoing.offerDeclined(.{ .offer_id = payload.offer_id, .reason = "asked to" }, null),
        .http => try request(),
    }
}

const Behaviour = enum {
    sum,
    title,
    lines,
    optional,
    delivery,
    reject,
    retry,
    trap,
    @"host-error",
    log,
    count,
    values,
    update,
    setting,
    send,
    respond,
    answer,
    http,
};

fn logSum(offer: topi_saas.Offer) !void {
    var sum: i64 = 0;
    for (offer.offer_lines) |line| {
        sum = std.math.add(i64, sum, line.price.value) catch return hookyard.reject("the sum is too large", .{});
    }
    log.info("sum {d}", .{sum});
}

fn logTitle(title: []const u8) void {
    var code_points = (std.unicode.Utf8View.initUnchecked(title)).iterator();
    const start = code_points.peek(12);
    log.info("title {d} {s}", .{ title.len, start });
}

fn trap() noreturn {
    @panic("asked to trap");
}

fn logLevels() void {
    log.trace("level trace", .{});
    log.debug("level debug", .{});
    log.info("level info", .{});
    log.warn("level warn", .{});
    log.err("level error", .{});
    std.debug.print("printed\n", .{});
}

fn changeValues() !void {
    const lists = hookyard.bucket([]const i64, "values");
    const texts = hookyard.bucket([]const u8, "values");
    try lists.set("a", &.{ 1, 2 });
    try texts.set("b", "\"é\"");
    const a = try texts.get("a") orelse "none";
    const before = try texts.exists("b");
    const keys = try std.mem.join(hookyard.allocator, ",", try texts.keys());
    try texts.delete("b");
    log.info("values {s} {} {s} {}", .{ a, before, keys, try texts.exists("b") });
}

fn next(old: ?i64) i64 {
    return (old orelse 0) + 1;
}

fn request() !void {
    const answer = try hookyard.http.get(hookyard.setting("url") orelse "");
    log.info("http {d} {s}", .{ answer.status, answer.body });
}

fn other(_: []const u8, delivery: hookyard.Delivery) !void {
    log.info("other {s}", .{delivery.event_type orelse "none"});
}
