//! Accepts the offers whose lines come to their total, and counts the offers of each customer.

const std = @import("std");
const hookyard = @import("hookyard");
const topi_saas = @import("topi_saas");

comptime {
    topi_saas.handle(.{ .offer_accepted_by_user = accept });
}

const customers = hookyard.bucket(i64, "customers");

pub fn accept(event: topi_saas.AcceptedByUser, delivery: hookyard.Delivery) !void {
    const payload = event.payload;
    const total = payload.offer.total_price;
    var sum: i64 = 0;
    for (payload.offer.offer_lines) |line| {
        sum = std.math.add(i64, sum, line.price.value) catch return hookyard.reject("the sum is too large", .{});
    }

    if (sum != total.value) return hookyard.reject("the lines come to {d}, not {d}", .{ sum, total.value });
    if (hookyard.setting("paused") != null) return hookyard.retry(60_000, "paused in [config]", .{});

    const seen = try customers.increment(payload.end_customer.end_customer_id, 1);
    hookyard.log.info("offer {s}: {s} {s}, number {d}, attempt {d}", .{
        payload.offer_id, hookyard.minorUnits(sum, 2), total.currency, seen, delivery.attempt,
    });
    _ = try topi_saas.outgoing.offerAccepted(.{
        .offer_id = payload.offer_id,
        .offer = .{ .offer_lines = try lines(payload.offer) },
        .end_customer = payload.end_customer,
        .user = payload.user,
    }, null);
}

fn lines(offer: topi_saas.Offer) ![]const topi_saas.AcceptedLine {
    const accepted = try hookyard.allocator.alloc(topi_saas.AcceptedLine, offer.offer_lines.len);
    for (accepted, 1..) |*line, number| line.external_id = hookyard.format("line-{d}", .{number});
    return accepted;
}
