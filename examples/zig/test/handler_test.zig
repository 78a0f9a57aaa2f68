//! Native unit tests: `zig build test`. `hookyard.testing` has the world in which the handler runs.

const std = @import("std");
const hookyard = @import("hookyard");
const topi_saas = @import("topi_saas");
const handler = @import("handler");

const world = &hookyard.testing.world;

fn run(total: i64) !void {
    const line: topi_saas.OfferLine = .{
        .offer_line_id = "l-1",
        .quantity = 2,
        .product_price = .{ .value = 249900, .currency = "EUR" },
        .price = .{ .value = 499800, .currency = "EUR" },
    };
    return world.run(handler.accept, topi_saas.AcceptedByUser{
        .version = 1,
        .event_id = "event-1",
        .created_at = "2026-05-19T10:30:00Z",
        .object_id = "offer-1",
        .payload = .{
            .offer_id = "offer-1",
            .seller = .{ .seller_id = "seller-1" },
            .offer = .{ .offer_lines = &.{line}, .total_price = .{ .value = total, .currency = "EUR" } },
            .end_customer = .{ .end_customer_id = "customer-1" },
        },
    });
}

test "good offer is answered" {
    world.reset();
    try run(499800);

    const answer = world.sent.items[0].as(topi_saas.OfferAcceptedPayload);
    try std.testing.expectEqualStrings("line-1", answer.offer.offer_lines[0].external_id);
    try std.testing.expectEqualStrings("1", world.value("customers", "customer-1").?);
    try std.testing.expectEqualStrings("offer offer-1: 4998.00 EUR, number 1, attempt 1", world.log.items[0]);
}

test "wrong sum is rejected" {
    world.reset();
    try std.testing.expectError(error.Reject, run(1));
    try std.testing.expectEqualStrings("the lines come to 499800, not 1", hookyard.reason());
    try std.testing.expectEqual(0, world.sent.items.len);
}

test "paused plugin retries later" {
    world.reset();
    world.setSetting("paused", "yes");
    try std.testing.expectError(error.Retry, run(499800));
    try std.testing.expectEqual(0, world.sent.items.len);
}
