//! The canonical ABI of components: how values lie in memory and how they become arguments.
//!
//! The Zig types decide: slices are strings and lists, optionals are options, tagged unions are variants
//! and results, and structs are records and tuples. Addresses have 32 bits, so nothing here runs natively.

const std = @import("std");
const hookyard = @import("hookyard.zig");

/// The value or the error of a function.
pub fn Result(comptime T: type, comptime E: type) type {
    return union(enum) { ok: T, err: E };
}

/// Calls an imported function with the fields of a struct as arguments.
pub fn call(comptime import: anytype, comptime Arguments: type, arguments: Arguments, comptime T: type) T {
    const Function = @typeInfo(@TypeOf(import)).@"fn";
    // Up to 16 arguments, and the address of the result.
    var slots: [17]u64 = @splat(0);
    var count: usize = 0;
    if (Layout(Arguments).flat > 16) {
        const at = allocate(Layout(Arguments).size, Layout(Arguments).alignment);
        store(Arguments, at, arguments);
        slots[0] = at;
        count = 1;
    } else {
        flatten(Arguments, arguments, &slots, &count);
    }

    var area: [@max(Layout(T).size, 1)]u8 align(8) = undefined;
    const is_indirect = Layout(T).flat > 1;
    if (is_indirect) slots[count] = @intFromPtr(&area);

    var values: std.meta.ArgsTuple(@TypeOf(import)) = undefined;
    inline for (Function.param_types, 0..) |Parameter, index| values[index] = fromSlot(Parameter.?, slots[index]);
    const returned = @call(.auto, import, values);
    if (is_indirect) return load(T, @intFromPtr(&area));
    if (T == void) return;
    if (T == bool) return returned != 0;
    if (@typeInfo(T) == .@"union") return if (returned == 0) .{ .ok = {} } else .{ .err = {} };
    return if (@typeInfo(T).int.bits == 64) @bitCast(returned) else @truncate(@as(u32, @bitCast(returned)));
}

/// Reads a value.
pub fn load(comptime T: type, at: usize) T {
    switch (@typeInfo(T)) {
        .void => return {},
        .bool => return peek(u8, at) != 0,
        .int, .float => return peek(T, at),
        .@"enum" => return @fromBackingInt(@intCast(peek(Tag(T), at))),
        .optional => |optional| {
            if (peek(u8, at) == 0) return null;
            return load(optional.child, at + Layout(T).payload);
        },
        .pointer => |pointer| {
            const items: [*]const pointer.child = @ptrFromInt(@max(peek(u32, at), @alignOf(pointer.child)));
            const len = peek(u32, at + 4);
            if (comptime isPlain(pointer.child)) return items[0..len];
            const list = hookyard.allocator.alloc(pointer.child, len) catch @panic("out of memory");
            for (list, 0..) |*item, index| item.* = load(pointer.child, peek(u32, at) + index * Layout(pointer.child).size);
            return list;
        },
        .@"struct" => |info| {
            if (info.layout == .@"packed") return @bitCast(peek(info.backing_integer.?, at));
            var value: T = undefined;
            inline for (info.field_names, info.field_types) |name, Field| @field(value, name) = load(Field, at + Layout(T).offsetOf(name));
            return value;
        },
        .@"union" => |info| {
            inline for (info.field_names, info.field_types, 0..) |name, Field, index| {
                if (peek(Tag(T), at) == index) return @unionInit(T, name, load(Field, at + Layout(T).payload));
            }
            @panic("a value has an unknown case");
        },
        else => @compileError("no value of a component: " ++ @typeName(T)),
    }
}

/// Writes a value.
pub fn store(comptime T: type, at: usize, value: T) void {
    switch (@typeInfo(T)) {
        .void => {},
        .bool => poke(u8, at, @intFromBool(value)),
        .int, .float => poke(T, at, value),
        .@"enum" => poke(Tag(T), at, @backingInt(value)),
        .optional => |optional| {
            poke(u8, at, @intFromBool(value != null));
            if (value) |some| store(optional.child, at + Layout(T).payload, some);
        },
        .pointer => |pointer| {
            poke(u32, at, listAddress(pointer.child, value));
            poke(u32, at + 4, value.len);
        },
        .@"struct" => |info| {
            if (info.layout == .@"packed") return poke(info.backing_integer.?, at, @bitCast(value));
            inline for (info.field_names, info.field_types) |name, Field| store(Field, at + Layout(T).offsetOf(name), @field(value, name));
        },
        .@"union" => switch (value) {
            inline else => |payload, tag| {
                poke(Tag(T), at, @backingInt(tag));
                store(@TypeOf(payload), at + Layout(T).payload, payload);
            },
        },
        else => @compileError("no value of a component: " ++ @typeName(T)),
    }
}

/// Writes a value as arguments.
fn flatten(comptime T: type, value: T, slots: []u64, count: *usize) void {
    switch (@typeInfo(T)) {
        .void => {},
        .bool => push(slots, count, @intFromBool(value)),
        .int => |int| push(slots, count, if (int.signedness == .signed) @bitCast(@as(i64, value)) else value),
        .float => |float| push(slots, count, @as(@Int(.unsigned, float.bits), @bitCast(value))),
        .@"enum" => push(slots, count, @backingInt(value)),
        .optional => |optional| {
            push(slots, count, @intFromBool(value != null));
            const end = count.* + Layout(optional.child).flat;
            if (value) |some| flatten(optional.child, some, slots, count);
            count.* = end;
        },
        .pointer => |pointer| {
            push(slots, count, listAddress(pointer.child, value));
            push(slots, count, value.len);
        },
        .@"struct" => |info| {
            if (info.layout == .@"packed") return push(slots, count, @as(info.backing_integer.?, @bitCast(value)));
            inline for (info.field_names, info.field_types) |name, Field| flatten(Field, @field(value, name), slots, count);
        },
        .@"union" => {
            const end = count.* + Layout(T).flat;
            switch (value) {
                inline else => |payload, tag| {
                    push(slots, count, @backingInt(tag));
                    flatten(@TypeOf(payload), payload, slots, count);
                },
            }
            count.* = end;
        },
        else => @compileError("no value of a component: " ++ @typeName(T)),
    }
}

fn push(slots: []u64, count: *usize, value: u64) void {
    slots[count.*] = value;
    count.* += 1;
}

fn fromSlot(comptime T: type, slot: u64) T {
    if (T == f32) return @bitCast(@as(u32, @truncate(slot)));
    if (T == f64 or T == i64) return @bitCast(slot);
    return @bitCast(@as(u32, @truncate(slot)));
}

/// How values of a type lie in memory, and the number of arguments that they become.
pub fn Layout(comptime T: type) type {
    return struct {
        pub const size = aligned(switch (@typeInfo(T)) {
            .void => 0,
            .@"enum" => @sizeOf(Tag(T)),
            .optional => |optional| payload + Layout(optional.child).size,
            .pointer => 8,
            .@"struct" => |info| if (info.layout == .@"packed") @sizeOf(info.backing_integer.?) else endOf(info, info.field_names.len),
            .@"union" => |info| payload + most(info.field_types, "size"),
            else => @sizeOf(T),
        }, alignment);

        pub const alignment: usize = switch (@typeInfo(T)) {
            .void => 1,
            .@"enum" => @sizeOf(Tag(T)),
            .optional => |optional| Layout(optional.child).alignment,
            .pointer => 4,
            .@"struct" => |info| if (info.layout == .@"packed") @sizeOf(info.backing_integer.?) else @max(1, most(info.field_types, "alignment")),
            .@"union" => |info| @max(@sizeOf(Tag(T)), most(info.field_types, "alignment")),
            else => @sizeOf(T),
        };

        pub const flat: usize = switch (@typeInfo(T)) {
            .void => 0,
            .optional => |optional| 1 + Layout(optional.child).flat,
            .pointer => 2,
            .@"struct" => |info| blk: {
                var count: usize = 0;
                for (info.field_types) |Field| count += Layout(Field).flat;
                break :blk if (info.layout == .@"packed") 1 else count;
            },
            .@"union" => |info| 1 + most(info.field_types, "flat"),
            else => 1,
        };

        /// The offset of the payload of an option or a variant.
        const payload: usize = aligned(if (@typeInfo(T) == .optional) 1 else @sizeOf(Tag(T)), alignment);

        /// The offset of a field.
        fn offsetOf(comptime field: []const u8) usize {
            const info = @typeInfo(T).@"struct";
            const index = std.meta.fieldIndex(T, field).?;
            return comptime aligned(endOf(info, index), Layout(info.field_types[index]).alignment);
        }
    };
}

/// The end of the first fields of a struct.
fn endOf(comptime info: std.lang.Type.Struct, comptime count: usize) usize {
    var at: usize = 0;
    for (info.field_types[0..count]) |Field| at = aligned(at, Layout(Field).alignment) + Layout(Field).size;
    return at;
}

fn most(comptime types: []const type, comptime what: []const u8) usize {
    var found: usize = 0;
    for (types) |T| found = @max(found, @field(Layout(T), what));
    return found;
}

fn aligned(at: usize, to: usize) usize {
    return (at + to - 1) / to * to;
}

/// The integer that tells the cases of an enum or union apart.
fn Tag(comptime T: type) type {
    const count = switch (@typeInfo(T)) {
        .@"enum" => |info| info.field_names.len,
        .@"union" => |info| info.field_names.len,
        else => @compileError("no cases: " ++ @typeName(T)),
    };
    return if (count <= 256) u8 else if (count <= 65536) u16 else u32;
}

/// Whether a value lies in memory as Zig lays it out.
fn isPlain(comptime T: type) bool {
    return switch (@typeInfo(T)) {
        .int, .float => true,
        else => false,
    };
}

fn listAddress(comptime T: type, list: []const T) usize {
    if (comptime isPlain(T)) return @intFromPtr(list.ptr);
    const at = allocate(list.len * Layout(T).size, Layout(T).alignment);
    for (list, 0..) |item, index| store(T, at + index * Layout(T).size, item);
    return at;
}

fn peek(comptime T: type, at: usize) T {
    return @as(*align(1) const T, @ptrFromInt(at)).*;
}

fn poke(comptime T: type, at: usize, value: T) void {
    @as(*align(1) T, @ptrFromInt(at)).* = value;
}

fn allocate(len: usize, to: usize) usize {
    return @intFromPtr(reallocate(null, 0, to, len));
}

/// What the host allocates for values that it passes.
pub fn reallocate(old: ?[*]u8, old_len: usize, to: usize, len: usize) callconv(.c) [*]u8 {
    return reallocateIn(hookyard.allocator, old, old_len, .{ .to = to, .len = len });
}

/// What the adapter to WASI allocates for itself. It stays when the attempt ends.
pub fn reallocateAdapter(old: ?[*]u8, old_len: usize, to: usize, len: usize) callconv(.c) [*]u8 {
    return reallocateIn(std.heap.wasm_allocator, old, old_len, .{ .to = to, .len = len });
}

fn reallocateIn(allocator: std.mem.Allocator, old: ?[*]u8, old_len: usize, wanted: struct { to: usize, len: usize }) [*]u8 {
    if (wanted.len == 0) return @ptrFromInt(wanted.to);
    const log2: std.mem.Alignment = @fromBackingInt(@intCast(std.math.log2_int(usize, wanted.to)));
    const memory = allocator.rawAlloc(wanted.len, log2, @returnAddress()) orelse @panic("out of memory");
    const kept = @min(old_len, wanted.len);
    if (old) |bytes| @memcpy(memory[0..kept], bytes[0..kept]);
    return memory;
}
