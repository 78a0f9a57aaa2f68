// The part of the SDK that does not call the host. Native tests use it as well.
#include "hookyard.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hookyard_internal.h"

static const hy_delivery *current;
static uint32_t requests;
static hy_outcome pending;

hy_string hy_vformat(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, arguments);
    if (len < 0) hy_trap("a format is invalid");
    char *text = hy_alloc((size_t)len + 1);

    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return (hy_string){(uint8_t *)text, (size_t)len};
}

// Fills the reason of an outcome from the arguments of a variadic function.
#define REASON(outcome)                        \
    va_list arguments;                         \
    va_start(arguments, format);               \
    (outcome).reason = hy_vformat(format, arguments); \
    va_end(arguments)

hy_outcome hy_reject(const char *format, ...) {
    hy_outcome outcome = {.kind = HY_REJECT};
    REASON(outcome);
    return outcome;
}

hy_outcome hy_retry(uint64_t after_ms, const char *format, ...) {
    hy_outcome outcome = {.kind = HY_RETRY, .after_ms = after_ms};
    REASON(outcome);
    return outcome;
}

hy_outcome hy_host_error(const char *format, ...) {
    hy_outcome outcome = {.kind = HY_HOST_ERROR};
    REASON(outcome);
    return outcome;
}

void hy_trap(const char *format, ...) {
    hy_outcome outcome = {.kind = HY_REJECT};
    REASON(outcome);
    fflush(stdout);
    fprintf(stderr, "%.*s\n", HY_STR(outcome.reason));
    abort();
}

hy_string hy_text(const char *text) {
    return (hy_string){(uint8_t *)(uintptr_t)text, text == NULL ? 0 : strlen(text)};
}

hy_string hy_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    hy_string text = hy_vformat(format, arguments);
    va_end(arguments);
    return text;
}

char *hy_cstr(hy_string text) {
    char *copy = hy_alloc(text.len + 1);
    if (text.len > 0) memcpy(copy, text.ptr, text.len);
    return copy;
}

// The memory that hy_join allocates for a text of this length.
static size_t capacity(size_t len) {
    size_t size = 4096;
    while (len != 0 && size < len) size *= 2;
    return len == 0 ? 0 : size;
}

void hy_join(hy_string *text, hy_string more) {
    size_t size = capacity(text->len + more.len);
    if (size > capacity(text->len)) {
        uint8_t *larger = hy_alloc(size);
        if (text->len > 0) memcpy(larger, text->ptr, text->len);
        text->ptr = larger;
    }
    if (more.len > 0) memcpy(text->ptr + text->len, more.ptr, more.len);
    text->len += more.len;
}

bool hy_equal(hy_string text, const char *other) {
    size_t len = strlen(other);
    return text.len == len && (len == 0 || memcmp(text.ptr, other, len) == 0);
}

hy_string hy_minor_units(int64_t value, unsigned digits) {
    uint64_t units = value < 0 ? 0 - (uint64_t)value : (uint64_t)value, scale = 1;
    if (digits > 18) hy_trap("hy_minor_units: %u digits are more than 18", digits);
    for (unsigned digit = 0; digit < digits; digit++) scale *= 10;

    const char *sign = value < 0 ? "-" : "";
    if (digits == 0) return hy_format("%s%" PRIu64, sign, units);
    return hy_format("%s%" PRIu64 ".%0*" PRIu64, sign, units / scale, (int)digits, units % scale);
}

bool hy_add(int64_t *sum, int64_t value) {
    return !__builtin_add_overflow(*sum, value, sum);
}

bool hy_parse_int(hy_string text, int64_t *value) {
    char *end, *copy = hy_cstr(text);
    errno = 0;
    *value = strtoll(copy, &end, 10);
    return errno == 0 && end != copy && *end == 0;
}

#ifdef HY_IMPORT_CONFIG
hy_outcome hy_setting_int(const char *name, int64_t fallback, int64_t *value) {
    hy_string text = hy_setting(name);
    *value = fallback;
    if (text.ptr == NULL || hy_parse_int(text, value)) return HY_OK;
    return hy_host_error("setting \"%s\" is \"%.*s\", not a number", name, HY_STR(text));
}
#endif

#ifdef HY_IMPORT_KEYVALUE
hy_outcome hy_get_int(const char *bucket, hy_string key, int64_t fallback, int64_t *value) {
    hy_string text;
    HY_TRY(hy_get(bucket, key, &text));
    *value = fallback;
    if (text.ptr == NULL || hy_parse_int(text, value)) return HY_OK;
    return hy_host_error("bucket \"%s\", key \"%.*s\": the value is not a number", bucket, HY_STR(key));
}

hy_outcome hy_set_int(const char *bucket, hy_string key, int64_t value) {
    return hy_set(bucket, key, hy_format("%" PRId64, value));
}
#endif

hy_outcome hy_or_retry(const hy_response *response) {
    uint16_t status = response->status;
    if (status == 408 || status == 429 || status >= 500)
        return hy_retry(response->retry_after_ms, "the answer has the status %u", status);
    return status >= 400 ? hy_host_error("the answer has the status %u", status) : HY_OK;
}

hy_outcome hy_unsent(const char *interface, const char *destination, uint8_t error, const hy_string *words) {
    if (error != 0) return hy_host_error("%s: %.*s", interface, HY_STR(*words));
    if (destination == NULL) return hy_host_error("%s: no destination is granted, or more than one", interface);
    return hy_host_error("%s: no destination \"%s\" is granted", interface, destination);
}

hy_outcome hy_unhandled(const char *name) {
    hy_log(HY_DEBUG, "no handler for %s", name);
    return HY_OK;
}

const hy_delivery *hy_current(void) { return current; }

uint32_t hy_next_request(void) { return ++requests; }

void hy_pend(hy_outcome outcome) {
    if (pending.kind == HY_DONE) pending = outcome;
}

void hy_begin(const hy_delivery *delivery) {
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    current = delivery;
    requests = 0;
    pending = HY_OK;
}

hy_outcome hy_settle(hy_outcome outcome) {
    fflush(NULL);
    return pending.kind == HY_DONE ? outcome : pending;
}

bool hy_end(hy_outcome outcome, hookyard_plugin_types_failure_t *failure) {
    outcome = hy_settle(outcome);
    if (outcome.kind == HY_DONE) return true;

    if (outcome.kind == HY_REJECT) {
        failure->tag = HOOKYARD_PLUGIN_TYPES_FAILURE_REJECT;
        failure->val.reject = outcome.reason;
        return false;
    }
    failure->tag = HOOKYARD_PLUGIN_TYPES_FAILURE_RETRY;
    failure->val.retry.reason = outcome.reason;
    failure->val.retry.after.is_some = outcome.after_ms != 0;
    failure->val.retry.after.val = outcome.after_ms;
    return false;
}
