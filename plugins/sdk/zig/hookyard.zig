//! The Hookyard SDK for Zig: what a handler returns, and what the host offers to it.
//!
//! A handler returns `!void`. `reject` and `retry` set the reason and return an error; a call to the host
//! that fails does the same with `error.HostError`, and `try` passes it on. Any other error is a retry with
//! the error's name as the reason. Nothing needs to be freed: the memory of `allocator` is freed when the
//! attempt ends.

const std = @import("std");
const builtin = @import("builtin");
const imports = @import("imports");

pub const abi = @import("abi.zig");
pub const http = @import("http.zig");
pub const testing = @import("testing.zig");

/// What the host knows about the event and about this attempt.
pub const Delivery = imports.Delivery;

/// Whether the host is there. Native tests run in the world of `testing`.
pub const is_wasm = builtin.cpu.arch.isWasm();

/// Memory for the attempt. Nothing needs to be freed.
pub const allocator: std.mem.Allocator = if (is_wasm) arena.allocator() else std.heap.page_allocator;

/// An instance may serve several attempts, and what the host passes has no other owner.
var arena: std.heap.ArenaAllocator = .init(std.heap.wasm_allocator);

var last_reason: []const u8 = "";
var last_after: ?u64 = null;
/// An error of the host that a function could not return. The attempt ends with it.
var pending: ?[]const u8 = null;
var current: ?Delivery = null;

/// A new text.
pub fn format(comptime text: []const u8, arguments: anytype) []const u8 {
    return std.fmt.allocPrint(allocator, text, arguments) catch @panic("out of memory");
}

/// The event can never be handled. The reason is for the operator.
pub fn reject(comptime text: []const u8, arguments: anytype) error{Reject} {
    last_reason = format(text, arguments);
    return error.Reject;
}

/// The event cannot be handled now. The host runs the handler again after this time or later; 0 leaves
/// the time to the schedule of the source.
pub fn retry(after_ms: u64, comptime text: []const u8, arguments: anytype) error{Retry} {
    last_reason = format(text, arguments);
    last_after = if (after_ms == 0) null else after_ms;
    return error.Retry;
}

/// The host did not do what the handler asked. The host runs the handler again later.
pub fn hostError(comptime text: []const u8, arguments: anytype) error{HostError} {
    last_reason = format(text, arguments);
    return error.HostError;
}

/// The reason of the last `reject`, `retry` or failed call.
pub fn reason() []const u8 {
    return last_reason;
}

/// Money, such as "49.98" for 4998 and 2 digits.
pub fn minorUnits(value: i64, comptime digits: u8) []const u8 {
    const scale = comptime std.math.pow(u64, 10, digits);
    const sign = if (value < 0) "-" else "";
    if (digits == 0) return format("{s}{d}", .{ sign, @abs(value) });
    const width = comptime std.fmt.comptimePrint("{d}", .{digits});
    return format("{s}{d}.{d:0>" ++ width ++ "}", .{ sign, @abs(value) / scale, @abs(value) % scale });
}

/// The log. Without the import "logging", lines go to standard error.
pub const log = struct {
    pub const Level = enum { trace, debug, info, warn, @"error", critical };

    pub fn trace(comptime text: []const u8, arguments: anytype) void {
        write(.trace, format(text, arguments));
    }
    pub fn debug(comptime text: []const u8, arguments: anytype) void {
        write(.debug, format(text, arguments));
    }
    pub fn info(comptime text: []const u8, arguments: anytype) void {
        write(.info, format(text, arguments));
    }
    pub fn warn(comptime text: []const u8, arguments: anytype) void {
        write(.warn, format(text, arguments));
    }
    pub fn err(comptime text: []const u8, arguments: anytype) void {
        write(.@"error", format(text, arguments));
    }

    pub fn write(level: Level, line: []const u8) void {
        if (!is_wasm) return testing.logged(line);
        if (!@hasDecl(imports, "wasi_logging_logging")) return print(line);
        abi.call(imports.wasi_logging_logging.log, struct { Level, []const u8, []const u8 }, .{ level, "", line }, void);
    }
};

/// `std.log` of the plugin.
pub fn logFn(comptime level: std.log.Level, comptime scope: @EnumLiteral(), comptime text: []const u8, arguments: anytype) void {
    const prefix = if (scope == .default) "" else "(" ++ @tagName(scope) ++ ") ";
    const to: log.Level = switch (level) {
        .debug => .debug,
        .info => .info,
        .warn => .warn,
        .err => .@"error",
    };
    log.write(to, format(prefix ++ text, arguments));
}

/// Ends the attempt as trapped, which counts as a fault of the plugin. The message is the reason.
pub fn panic(message: []const u8, _: ?usize) noreturn {
    if (is_wasm) print(message);
    @trap();
}

fn print(line: []const u8) void {
    const parts = [_]std.os.wasi.ciovec_t{ .{ .base = line.ptr, .len = line.len }, .{ .base = "\n", .len = 1 } };
    var written: usize = 0;
    _ = std.os.wasi.fd_write(2, &parts, parts.len, &written);
}

/// A setting of `[config]`. If the host cannot read it, the attempt ends with `error.HostError`.
pub fn setting(name: []const u8) ?[]const u8 {
    if (!is_wasm) return testing.settingOf(name);
    const Error = union(enum) { upstream: []const u8, io: []const u8 };
    const store = needs("wasi_config_store", "config");
    const result = abi.call(store.get, struct { []const u8 }, .{name}, abi.Result(?[]const u8, Error));
    switch (result) {
        .ok => |value| return value,
        .err => |failed| switch (failed) {
            inline else => |words| hostError("setting \"{s}\": {s}", .{ name, words }) catch {},
        },
    }
    pending = last_reason;
    return null;
}

/// A setting that is a whole number.
pub fn settingInt(comptime T: type, name: []const u8) error{HostError}!?T {
    const text = setting(name) orelse return null;
    return std.fmt.parseInt(T, text, 10) catch hostError("setting \"{s}\" is \"{s}\", not a number", .{ name, text });
}

/// A bucket of the key-value store. Whole numbers are decimal text, `[]const u8` is bytes, and other types
/// are JSON. If another attempt changes a key that this attempt has read, the host runs the handler again.
pub fn bucket(comptime T: type, name: []const u8) Bucket(T) {
    return .{ .name = name };
}

pub fn Bucket(comptime T: type) type {
    return struct {
        name: []const u8,

        const Self = @This();
        const Handle = u32;
        const Error = union(enum) { no_such_store, access_denied, other: []const u8 };

        pub fn get(self: Self, key: []const u8) error{HostError}!?T {
            const text = try self.bytes(key) orelse return null;
            return self.decode(text) catch hostError("bucket \"{s}\", key \"{s}\": the value is not a {s}", .{ self.name, key, @typeName(T) });
        }

        pub fn set(self: Self, key: []const u8, value: T) error{HostError}!void {
            const text = try encode(value);
            if (!is_wasm) return testing.put(self.name, key, text);
            const store = needs("wasi_keyvalue_store", "keyvalue");
            try self.with(store.@"[method]bucket.set", struct { Handle, []const u8, []const u8 }, .{ try self.open(), key, text }, void);
        }

        pub fn delete(self: Self, key: []const u8) error{HostError}!void {
            if (!is_wasm) return testing.put(self.name, key, null);
            const store = needs("wasi_keyvalue_store", "keyvalue");
            try self.with(store.@"[method]bucket.delete", struct { Handle, []const u8 }, .{ try self.open(), key }, void);
        }

        pub fn exists(self: Self, key: []const u8) error{HostError}!bool {
            if (!is_wasm) return testing.valueOf(self.name, key) != null;
            const store = needs("wasi_keyvalue_store", "keyvalue");
            return self.with(store.@"[method]bucket.exists", struct { Handle, []const u8 }, .{ try self.open(), key }, bool);
        }

        /// All keys, in the order of their bytes.
        pub fn keys(self: Self) error{HostError}![]const []const u8 {
            if (!is_wasm) return testing.keysOf(self.name);
            const Page = struct { keys: []const []const u8, cursor: ?[]const u8 };
            var all: []const []const u8 = &.{};
            var cursor: ?[]const u8 = null;
            while (true) {
                const store = needs("wasi_keyvalue_store", "keyvalue");
                const page = try self.with(store.@"[method]bucket.list-keys", struct { Handle, ?[]const u8 }, .{ try self.open(), cursor }, Page);
                all = std.mem.concat(allocator, []const u8, &.{ all, page.keys }) catch @panic("out of memory");
                cursor = page.cursor orelse return all;
            }
        }

        /// Adds to a number and returns the sum, also if several attempts do so at once.
        pub fn increment(self: Self, key: []const u8, by: i64) error{HostError}!i64 {
            comptime std.debug.assert(@typeInfo(T) == .int);
            if (!is_wasm) return testing.add(self.name, key, by);
            const atomics = needs("wasi_keyvalue_atomics", "keyvalue");
            return self.with(atomics.increment, struct { Handle, []const u8, i64 }, .{ try self.open(), key, by }, i64);
        }

        /// Replaces a value by what the function makes of it, and returns the new value.
        pub fn update(self: Self, key: []const u8, change: fn (?T) T) error{HostError}!T {
            const value = change(try self.get(key));
            try self.set(key, value);
            return value;
        }

        fn bytes(self: Self, key: []const u8) error{HostError}!?[]const u8 {
            if (!is_wasm) return testing.valueOf(self.name, key);
            const store = needs("wasi_keyvalue_store", "keyvalue");
            return self.with(store.@"[method]bucket.get", struct { Handle, []const u8 }, .{ try self.open(), key }, ?[]const u8);
        }

        fn open(self: Self) error{HostError}!Handle {
            const store = needs("wasi_keyvalue_store", "keyvalue");
            return self.with(store.open, struct { []const u8 }, .{self.name}, Handle);
        }

        fn with(self: Self, comptime import: anytype, comptime A: type, arguments: A, comptime R: type) error{HostError}!R {
            switch (abi.call(import, A, arguments, abi.Result(R, Error))) {
                .ok => |value| return value,
                .err => |failed| switch (failed) {
                    .other => |words| return hostError("bucket \"{s}\": {s}", .{ self.name, words }),
                    else => return hostError("bucket \"{s}\": {s}", .{ self.name, @tagName(failed) }),
                },
            }
        }

        fn encode(value: T) error{HostError}![]const u8 {
            if (T == []const u8) return value;
            if (@typeInfo(T) == .int) return format("{d}", .{value});
            return std.json.Stringify.valueAlloc(allocator, value, .{}) catch @panic("out of memory");
        }

        fn decode(_: Self, text: []const u8) !T {
            if (T == []const u8) return text;
            if (@typeInfo(T) == .int) return std.fmt.parseInt(T, text, 10);
            return std.json.parseFromSliceLeaky(T, allocator, text, .{});
        }
    };
}

/// Sends a body to a destination, together with the outcome. Returns the id of the message.
pub fn send(destination: []const u8, body: []const u8, ordering_key: ?[]const u8) error{HostError}![]const u8 {
    if (!is_wasm) return testing.record("", destination, {}, body);
    const outbox = needs("hookyard_plugin_outbox", "outbox");
    const Arguments = struct { []const u8, []const u8, ?[]const u8 };
    const result = abi.call(outbox.send, Arguments, .{ destination, body, ordering_key }, Sent);
    return sentId("outbox", destination, result);
}

/// The result of a function that sends a message.
pub const Sent = abi.Result([]const u8, union(enum) { no_such_destination, too_much: []const u8, other: []const u8 });

/// For the generated code: the id of a message, or the reason why the host did not accept it.
pub fn sentId(interface: []const u8, destination: ?[]const u8, result: Sent) error{HostError}![]const u8 {
    switch (result) {
        .ok => |id| return id,
        .err => |failed| switch (failed) {
            .too_much, .other => |words| return hostError("{s}: {s}", .{ interface, words }),
            .no_such_destination => {},
        },
    }
    const name = destination orelse return hostError("{s}: no destination is granted, or more than one", .{interface});
    return hostError("{s}: no destination \"{s}\" is granted", .{ interface, name });
}

/// The answer to the request that brought the event.
pub const Answer = struct {
    /// A status from 200 to 599.
    status: u16 = 200,
    headers: []const Header = &.{},
    body: []const u8 = "",

    pub const Header = struct { name: []const u8, value: []const u8 };
};

/// Answers the request that brought the event, if its source has `ack = "responder"`. The answer is sent if the
/// handler succeeds, and in time.
pub fn respond(answer: Answer) error{HostError}!void {
    if (!is_wasm) return testing.respond(answer);
    const responder = needs("hookyard_plugin_responder", "responder");
    const Error = union(enum) { not_asked, already, too_much: []const u8, invalid: []const u8 };
    switch (abi.call(responder.respond, struct { Answer }, .{answer}, abi.Result(void, Error))) {
        .ok => {},
        .err => |failed| return notResponded(switch (failed) {
            .not_asked => not_asked,
            .already => already,
            .too_much, .invalid => |words| words,
        }),
    }
}

pub const not_asked = "the source does not ask this plugin for a response";
pub const already = "this attempt has responded already";

pub fn notResponded(words: []const u8) error{HostError} {
    return hostError("responder: {s}", .{words});
}

/// The id of this event and the number of a request, for the header `idempotency-key`.
pub fn idempotencyKey(number: u32) []const u8 {
    const delivery = current orelse return "";
    return format("{s}-{d}", .{ delivery.event_id, number });
}

/// The functions of an interface. A plugin that does not import the interface does not compile.
pub fn needs(comptime interface: []const u8, comptime part: []const u8) type {
    if (@hasDecl(imports, interface)) return @field(imports, interface);
    @compileError("add \"" ++ part ++ "\" to `imports` in hookyard.plugin.toml, and remove wit/ to have it written again");
}

/// For the generated code: exports the handlers of an event's cases.
pub fn exportHandlers(comptime Event: type, comptime handlers: anytype, comptime name: []const u8) void {
    for (@typeInfo(@TypeOf(handlers)).@"struct".field_names) |field| {
        if (!@hasField(Event, field)) @compileError("the event has no case `" ++ field ++ "`");
    }
    exportHandle(Event, struct {
        fn handle(event: Event, delivery: Delivery) anyerror!void {
            switch (event) {
                inline else => |payload, tag| {
                    if (!@hasField(@TypeOf(handlers), @tagName(tag))) return log.debug("no handler for {s}", .{@tagName(tag)});
                    const handler = @field(handlers, @tagName(tag));
                    return if (@TypeOf(payload) == void) handler(delivery) else handler(payload, delivery);
                },
            }
        }
    }.handle, name);
}

/// For the generated code: exports a handler.
pub fn exportHandle(comptime Event: type, comptime handler: anytype, comptime name: []const u8) void {
    if (!is_wasm) return;
    const exported = struct {
        fn handle(at: usize) callconv(.c) usize {
            pending = null;
            const given = abi.load(struct { Delivery, Event }, at);
            current = given[0];
            const result = outcome(handler(given[1], given[0]));
            abi.store(Outcome, @intFromPtr(&area), result);
            return @intFromPtr(&area);
        }

        /// The host calls this function after it has read the outcome.
        fn end(_: usize) callconv(.c) void {
            _ = arena.reset(.{ .retain_with_limit = 1 << 20 });
        }

        var area: [abi.Layout(Outcome).size]u8 align(8) = undefined;
    };
    @export(&exported.handle, .{ .name = name });
    @export(&exported.end, .{ .name = "cabi_post_" ++ name });
    @export(&abi.reallocate, .{ .name = "cabi_realloc" });
    @export(&abi.reallocateAdapter, .{ .name = "cabi_realloc_adapter" });
}

const Failure = union(enum) { retry: struct { reason: []const u8, after: ?u64 }, reject: []const u8 };
const Outcome = abi.Result(void, Failure);

fn outcome(result: anyerror!void) Outcome {
    const failed: ?anyerror = if (result) |_| null else |err| err;
    if (pending) |words| return .{ .err = .{ .retry = .{ .reason = words, .after = null } } };
    return switch (failed orelse return .{ .ok = {} }) {
        error.Reject => .{ .err = .{ .reject = last_reason } },
        error.Retry => .{ .err = .{ .retry = .{ .reason = last_reason, .after = last_after } } },
        error.HostError => .{ .err = .{ .retry = .{ .reason = last_reason, .after = null } } },
        else => |other| .{ .err = .{ .retry = .{ .reason = @errorName(other), .after = null } } },
    };
}
