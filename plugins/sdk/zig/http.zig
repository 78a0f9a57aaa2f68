//! Requests of the plugin over wasi:http.

const std = @import("std");
const hookyard = @import("hookyard.zig");
const abi = hookyard.abi;
const Result = abi.Result;

const types = hookyard.needs("wasi_http_types", "http");
const streams = hookyard.needs("wasi_io_streams", "http");
const poll = hookyard.needs("wasi_io_poll", "http");

pub const Header = struct { name: []const u8, value: []const u8 };

pub const Request = struct {
    method: []const u8 = "GET",
    url: []const u8,
    headers: []const Header = &.{},
    body: []const u8 = "",
    /// The maximum wait for the answer; null: no maximum but that of the attempt.
    timeout_ms: ?u64 = null,
};

pub const Response = struct {
    status: u16,
    body: []const u8,
    /// The header Retry-After, if it is a number of seconds.
    retry_after_ms: u64 = 0,

    /// Returns an error for failed requests: a retry for the statuses 408, 429 and 5xx, and an error of the
    /// host for other 4xx.
    pub fn orRetry(self: Response) error{ Retry, HostError }!Response {
        if (self.status == 408 or self.status == 429 or self.status >= 500)
            return hookyard.retry(self.retry_after_ms, "the answer has the status {d}", .{self.status});
        if (self.status >= 400) return hookyard.hostError("the answer has the status {d}", .{self.status});
        return self;
    }
};

const Handle = u32;
const Method = union(enum) { get, head, post, put, delete, connect, options, trace, patch, other: []const u8 };
const Scheme = union(enum) { http, https, other: []const u8 };
const HeaderError = enum { invalid_syntax, forbidden, immutable };
const StreamError = union(enum) { last_operation_failed: Handle, closed };
const FieldSize = struct { ?[]const u8, ?u32 };
const ErrorCode = union(enum) {
    dns_timeout,
    dns_error: struct { ?[]const u8, ?u16 },
    destination_not_found,
    destination_unavailable,
    destination_ip_prohibited,
    destination_ip_unroutable,
    connection_refused,
    connection_terminated,
    connection_timeout,
    connection_read_timeout,
    connection_write_timeout,
    connection_limit_reached,
    tls_protocol_error,
    tls_certificate_error,
    tls_alert_received: struct { ?u8, ?[]const u8 },
    http_request_denied,
    http_request_length_required,
    http_request_body_size: ?u64,
    http_request_method_invalid,
    http_request_uri_invalid,
    http_request_uri_too_long,
    http_request_header_section_size: ?u32,
    http_request_header_size: ?FieldSize,
    http_request_trailer_section_size: ?u32,
    http_request_trailer_size: FieldSize,
    http_response_incomplete,
    http_response_header_section_size: ?u32,
    http_response_header_size: FieldSize,
    http_response_body_size: ?u64,
    http_response_trailer_section_size: ?u32,
    http_response_trailer_size: FieldSize,
    http_response_transfer_coding: ?[]const u8,
    http_response_content_coding: ?[]const u8,
    http_response_timeout,
    http_upgrade_failed,
    http_protocol_error,
    loop_detected,
    configuration_error,
    internal_error: ?[]const u8,
};

var requests: u32 = 0;

/// Sends a GET request and reads the whole answer.
pub fn get(url: []const u8) error{HostError}!Response {
    return send(.{ .url = url });
}

/// Sends a request and reads the whole answer. A request other than GET and HEAD gets the header
/// `idempotency-key`, the event's id and the number of the request, unless `headers` has this header.
pub fn send(request: Request) error{HostError}!Response {
    if (!hookyard.is_wasm) return hookyard.testing.answer(request.url);
    const outgoing = abi.call(types.@"[constructor]outgoing-request", struct { Handle }, .{try fields(request)}, Handle);
    try target(request, outgoing);

    const body = abi.call(types.@"[method]outgoing-request.body", struct { Handle }, .{outgoing}, Result(Handle, void));
    const options = abi.call(types.@"[constructor]request-options", struct {}, .{}, Handle);
    const timeout: ?u64 = if (request.timeout_ms) |ms| ms * 1_000_000 else null;
    _ = abi.call(types.@"[method]request-options.set-first-byte-timeout", struct { Handle, ?u64 }, .{ options, timeout }, Result(void, void));

    const handle = hookyard.needs("wasi_http_outgoing_handler", "http").handle;
    const future = switch (abi.call(handle, struct { Handle, ?Handle }, .{ outgoing, options }, Result(Handle, ErrorCode))) {
        .ok => |future| future,
        .err => |code| return failed(request, code),
    };
    try writeBody(request, body.ok);
    return readResponse(request, try wait(request, future));
}

fn failed(request: Request, code: ErrorCode) error{HostError} {
    return hookyard.hostError("http: {s}: {s}", .{ request.url, @tagName(code) });
}

fn fields(request: Request) error{HostError}!Handle {
    const all = abi.call(types.@"[constructor]fields", struct {}, .{}, Handle);
    var has_key = std.mem.eql(u8, request.method, "GET") or std.mem.eql(u8, request.method, "HEAD");
    requests += 1;

    for (request.headers) |header| {
        has_key = has_key or std.ascii.eqlIgnoreCase(header.name, "idempotency-key");
        if (append(all, header) == .err)
            return hookyard.hostError("http: {s}: the header {s} is not allowed", .{ request.url, header.name });
    }
    if (!has_key) _ = append(all, .{ .name = "idempotency-key", .value = hookyard.idempotencyKey(requests) });
    return all;
}

fn append(all: Handle, header: Header) Result(void, HeaderError) {
    const Arguments = struct { Handle, []const u8, []const u8 };
    const method = types.@"[method]fields.append";
    return abi.call(method, Arguments, .{ all, header.name, header.value }, Result(void, HeaderError));
}

fn target(request: Request, outgoing: Handle) error{HostError}!void {
    const scheme_len = std.mem.indexOf(u8, request.url, "://") orelse
        return hookyard.hostError("http: {s}: the URL has no scheme; write https://", .{request.url});
    const name = request.url[0..scheme_len];
    const scheme: Scheme = if (std.ascii.eqlIgnoreCase(name, "https")) .https else if (std.ascii.eqlIgnoreCase(name, "http")) .http else .{ .other = name };

    const rest = request.url[scheme_len + 3 ..];
    const authority_len = std.mem.indexOfAny(u8, rest, "/?#") orelse rest.len;
    const end = std.mem.indexOfScalar(u8, rest, '#') orelse rest.len;
    const path = rest[authority_len..end];
    const slash = if (path.len > 0 and path[0] == '/') "" else "/";
    const whole = hookyard.format("{s}{s}", .{ slash, path });

    const Text = struct { Handle, ?[]const u8 };
    const is_set = [_]Result(void, void){
        abi.call(types.@"[method]outgoing-request.set-method", struct { Handle, Method }, .{ outgoing, methodOf(request) }, Result(void, void)),
        abi.call(types.@"[method]outgoing-request.set-scheme", struct { Handle, ?Scheme }, .{ outgoing, scheme }, Result(void, void)),
        abi.call(types.@"[method]outgoing-request.set-authority", Text, .{ outgoing, rest[0..authority_len] }, Result(void, void)),
        abi.call(types.@"[method]outgoing-request.set-path-with-query", Text, .{ outgoing, whole }, Result(void, void)),
    };
    for (is_set) |result| {
        if (result == .err) return hookyard.hostError("http: {s}: the URL or the method is invalid", .{request.url});
    }
}

fn methodOf(request: Request) Method {
    inline for (@typeInfo(Method).@"union".field_names, @typeInfo(Method).@"union".field_types) |name, Payload| {
        if (Payload == void and std.ascii.eqlIgnoreCase(name, request.method)) return @unionInit(Method, name, {});
    }
    return .{ .other = request.method };
}

fn writeBody(request: Request, body: Handle) error{HostError}!void {
    const stream = abi.call(types.@"[method]outgoing-body.write", struct { Handle }, .{body}, Result(Handle, void)).ok;

    // The interface takes up to 4096 bytes at once.
    var rest = request.body;
    while (rest.len > 0) {
        const part = rest[0..@min(rest.len, 4096)];
        rest = rest[part.len..];
        const write = streams.@"[method]output-stream.blocking-write-and-flush";
        if (abi.call(write, struct { Handle, []const u8 }, .{ stream, part }, Result(void, StreamError)) == .err)
            return hookyard.hostError("http: {s}: the body of the request cannot be written", .{request.url});
    }
    abi.call(streams.@"[resource-drop]output-stream", struct { Handle }, .{stream}, void);
    switch (abi.call(types.@"[static]outgoing-body.finish", struct { Handle, ?Handle }, .{ body, null }, Result(void, ErrorCode))) {
        .ok => {},
        .err => |code| return failed(request, code),
    }
}

fn wait(request: Request, future: Handle) error{HostError}!Handle {
    const pollable = abi.call(types.@"[method]future-incoming-response.subscribe", struct { Handle }, .{future}, Handle);
    abi.call(poll.@"[method]pollable.block", struct { Handle }, .{pollable}, void);
    abi.call(poll.@"[resource-drop]pollable", struct { Handle }, .{pollable}, void);

    const Answer = ?Result(Result(Handle, ErrorCode), void);
    const answer = abi.call(types.@"[method]future-incoming-response.get", struct { Handle }, .{future}, Answer);
    const result = answer orelse return hookyard.hostError("http: {s}: there is no answer", .{request.url});
    switch (result.ok) {
        .ok => |incoming| return incoming,
        .err => |code| return failed(request, code),
    }
}

fn readResponse(request: Request, incoming: Handle) error{HostError}!Response {
    const status = abi.call(types.@"[method]incoming-response.status", struct { Handle }, .{incoming}, u16);
    const retry_after_ms = retryAfter(incoming);

    const body = abi.call(types.@"[method]incoming-response.consume", struct { Handle }, .{incoming}, Result(Handle, void)).ok;
    const stream = abi.call(types.@"[method]incoming-body.stream", struct { Handle }, .{body}, Result(Handle, void)).ok;
    var whole: std.ArrayList(u8) = .empty;
    while (true) {
        const read = streams.@"[method]input-stream.blocking-read";
        switch (abi.call(read, struct { Handle, u64 }, .{ stream, 65536 }, Result([]const u8, StreamError))) {
            .ok => |part| whole.appendSlice(hookyard.allocator, part) catch @panic("out of memory"),
            .err => |code| if (code == .closed) break else return hookyard.hostError("http: {s}: the answer broke off", .{request.url}),
        }
    }
    abi.call(streams.@"[resource-drop]input-stream", struct { Handle }, .{stream}, void);
    abi.call(types.@"[resource-drop]incoming-body", struct { Handle }, .{body}, void);
    return .{ .status = status, .body = whole.items, .retry_after_ms = retry_after_ms };
}

fn retryAfter(incoming: Handle) u64 {
    const headers = abi.call(types.@"[method]incoming-response.headers", struct { Handle }, .{incoming}, Handle);
    const found = abi.call(types.@"[method]fields.get", struct { Handle, []const u8 }, .{ headers, "retry-after" }, []const []const u8);
    abi.call(types.@"[resource-drop]fields", struct { Handle }, .{headers}, void);
    if (found.len == 0) return 0;
    return 1000 * @as(u64, std.fmt.parseInt(u32, found[0], 10) catch 0);
}
