// Requests of the plugin over wasi:http.
#include <string.h>
#include <strings.h>

#include "hookyard_internal.h"

#ifdef HY_IMPORT_HTTP

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

static const char *error_name(uint8_t tag) {
    switch (tag) {
    case WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_NOT_FOUND: return "the host of the address was not found";
    case WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_IP_PROHIBITED: return "the address is private and not granted";
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_REFUSED: return "nothing accepts the connection";
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_LIMIT_REACHED: return "too many connections are in use";
    case WASI_HTTP_TYPES_ERROR_CODE_TLS_CERTIFICATE_ERROR: return "the certificate is not trusted";
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_DENIED: return "the request is not granted; the log has the grant";
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_BODY_SIZE: return "the body of the request is too large";
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_BODY_SIZE: return "the body of the answer is too large";
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TIMEOUT: return "no answer arrived in time";
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_CONTENT_CODING: return "the answer is compressed";
    default: return NULL;
    }
}

static hy_outcome request_error(const hy_request *request, const wasi_http_types_error_code_t *error) {
    const char *name = error_name(error->tag);
    if (name == NULL) return hy_host_error("http: %s: the request failed with the wasi:http error %u", request->url, error->tag);
    return hy_host_error("http: %s: %s", request->url, name);
}

static bool append(wasi_http_types_borrow_fields_t fields, const char *name, hy_string value) {
    hy_string field = hy_text(name);
    wasi_http_types_field_value_t bytes = {value.ptr, value.len};
    wasi_http_types_header_error_t error;
    return wasi_http_types_method_fields_append(fields, &field, &bytes, &error);
}

static hy_outcome write_headers(const hy_request *request, wasi_http_types_borrow_fields_t fields) {
    const char *method = request->method;
    bool has_key = method == NULL || strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

    for (size_t i = 0; i < request->headers_len; i++) {
        const hy_header *header = &request->headers[i];
        has_key = has_key || strcasecmp(header->name, "idempotency-key") == 0;
        if (!append(fields, header->name, hy_text(header->value)))
            return hy_host_error("http: %s: the header %s is not allowed", request->url, header->name);
    }
    uint32_t number = hy_next_request();
    hy_string key = hy_format("%.*s-%" PRIu32, HY_STR(hy_current()->event_id), number);
    if (!has_key) append(fields, "idempotency-key", key);
    return HY_OK;
}

static hy_outcome write_target(const hy_request *request, wasi_http_types_borrow_outgoing_request_t outgoing) {
    const char *url = request->url, *start = strstr(url, "://");
    if (start == NULL) return hy_host_error("http: %s: the URL has no scheme; write https://", url);

    wasi_http_types_scheme_t scheme = {.tag = WASI_HTTP_TYPES_SCHEME_OTHER};
    if (strncasecmp(url, "https:", 6) == 0) scheme.tag = WASI_HTTP_TYPES_SCHEME_HTTPS;
    if (strncasecmp(url, "http:", 5) == 0) scheme.tag = WASI_HTTP_TYPES_SCHEME_HTTP;
    if (scheme.tag == WASI_HTTP_TYPES_SCHEME_OTHER)
        return hy_host_error("http: %s: the scheme is neither http nor https", url);

    start += 3;
    size_t len = strcspn(start, "/?#");
    hy_string authority = {(uint8_t *)(uintptr_t)start, len};
    size_t path_len = strcspn(start + len, "#");
    hy_string path = hy_format("%s%.*s", start[len] == '/' ? "" : "/", (int)path_len, start + len);

    if (!wasi_http_types_method_outgoing_request_set_scheme(outgoing, &scheme) ||
        !wasi_http_types_method_outgoing_request_set_authority(outgoing, &authority) ||
        !wasi_http_types_method_outgoing_request_set_path_with_query(outgoing, &path))
        return hy_host_error("http: %s: the URL is invalid", url);
    return HY_OK;
}

static hy_outcome write_method(const hy_request *request, wasi_http_types_borrow_outgoing_request_t outgoing) {
    wasi_http_types_method_t method = {.tag = WASI_HTTP_TYPES_METHOD_GET};
    if (request->method != NULL) {
        method.tag = WASI_HTTP_TYPES_METHOD_OTHER;
        method.val.other = hy_text(request->method);
        for (uint8_t tag = 0; tag < sizeof methods / sizeof *methods; tag++)
            if (strcmp(request->method, methods[tag]) == 0) method.tag = tag;
    }
    if (wasi_http_types_method_outgoing_request_set_method(outgoing, &method)) return HY_OK;
    return hy_host_error("http: %s: the method is invalid", request->url);
}

static hy_outcome write_body(const hy_request *request, wasi_http_types_own_outgoing_body_t body) {
    wasi_http_types_own_output_stream_t stream;
    wasi_io_streams_stream_error_t error;
    wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &stream);

    // The interface takes up to 4096 bytes at once.
    for (size_t at = 0; at < request->body.len; at += 4096) {
        size_t left = request->body.len - at;
        hy_list_u8_t part = {request->body.ptr + at, left < 4096 ? left : 4096};
        if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(wasi_io_streams_borrow_output_stream(stream), &part, &error))
            return hy_host_error("http: %s: the body of the request cannot be written", request->url);
    }
    wasi_io_streams_output_stream_drop_own(stream);

    wasi_http_types_error_code_t finish_error;
    if (wasi_http_types_static_outgoing_body_finish(body, NULL, &finish_error)) return HY_OK;
    return request_error(request, &finish_error);
}

static hy_outcome wait(const hy_request *request, wasi_http_types_own_future_incoming_response_t future,
                       wasi_http_types_own_incoming_response_t *incoming) {
    wasi_http_types_borrow_future_incoming_response_t borrowed = wasi_http_types_borrow_future_incoming_response(future);
    wasi_http_types_own_pollable_t pollable = wasi_http_types_method_future_incoming_response_subscribe(borrowed);
    wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(pollable));
    wasi_io_poll_pollable_drop_own(pollable);

    wasi_http_types_result_result_own_incoming_response_error_code_void_t result;
    bool ready = wasi_http_types_method_future_incoming_response_get(borrowed, &result);
    if (!ready || result.is_err) return hy_host_error("http: %s: there is no answer", request->url);
    if (result.val.ok.is_err) return request_error(request, &result.val.ok.val.err);
    *incoming = result.val.ok.val.ok;
    return HY_OK;
}

static uint64_t retry_after(wasi_http_types_borrow_incoming_response_t incoming) {
    wasi_http_types_own_fields_t headers = wasi_http_types_method_incoming_response_headers(incoming);
    wasi_http_types_list_field_value_t values;
    hy_string name = hy_text("retry-after");
    wasi_http_types_method_fields_get(wasi_http_types_borrow_fields(headers), &name, &values);
    wasi_http_types_fields_drop_own(headers);

    int64_t seconds = 0;
    if (values.len == 0) return 0;
    bool is_number = hy_parse_int((hy_string){values.ptr[0].ptr, values.ptr[0].len}, &seconds);
    return is_number && seconds > 0 && seconds < 1000000000 ? (uint64_t)seconds * 1000 : 0;
}

static hy_outcome read_body(const hy_request *request, wasi_http_types_own_incoming_response_t incoming, hy_string *body) {
    wasi_http_types_own_incoming_body_t consumed;
    wasi_http_types_own_input_stream_t stream;
    wasi_http_types_method_incoming_response_consume(wasi_http_types_borrow_incoming_response(incoming), &consumed);
    wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(consumed), &stream);

    hy_list_u8_t part;
    wasi_io_streams_stream_error_t error;
    *body = (hy_string){NULL, 0};
    while (wasi_io_streams_method_input_stream_blocking_read(wasi_io_streams_borrow_input_stream(stream), 65536, &part, &error))
        hy_join(body, (hy_string){part.ptr, part.len});

    bool closed = error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
    wasi_io_streams_input_stream_drop_own(stream);
    wasi_http_types_incoming_body_drop_own(consumed);
    return closed ? HY_OK : hy_host_error("http: %s: the answer broke off", request->url);
}

hy_outcome hy_http(const hy_request *request, hy_response *response) {
    wasi_http_types_own_fields_t fields = wasi_http_types_constructor_fields();
    HY_TRY(write_headers(request, wasi_http_types_borrow_fields(fields)));
    wasi_http_types_own_outgoing_request_t outgoing = wasi_http_types_constructor_outgoing_request(fields);
    wasi_http_types_borrow_outgoing_request_t borrowed = wasi_http_types_borrow_outgoing_request(outgoing);
    HY_TRY(write_target(request, borrowed));
    HY_TRY(write_method(request, borrowed));

    wasi_http_types_own_outgoing_body_t body;
    wasi_http_types_method_outgoing_request_body(borrowed, &body);
    wasi_http_types_own_request_options_t options = wasi_http_types_constructor_request_options();
    uint64_t timeout = request->timeout_ms * 1000000;
    wasi_http_types_borrow_request_options_t limits = wasi_http_types_borrow_request_options(options);
    if (timeout > 0) wasi_http_types_method_request_options_set_first_byte_timeout(limits, &timeout);

    wasi_http_types_own_future_incoming_response_t future;
    wasi_http_types_error_code_t error;
    if (!wasi_http_outgoing_handler_handle(outgoing, &options, &future, &error)) return request_error(request, &error);
    HY_TRY(write_body(request, body));

    wasi_http_types_own_incoming_response_t incoming;
    HY_TRY(wait(request, future, &incoming));
    response->status = wasi_http_types_method_incoming_response_status(wasi_http_types_borrow_incoming_response(incoming));
    response->retry_after_ms = retry_after(wasi_http_types_borrow_incoming_response(incoming));
    return read_body(request, incoming, &response->body);
}

#endif
