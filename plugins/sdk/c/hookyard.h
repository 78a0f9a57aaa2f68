// The Hookyard SDK for C: what a handler returns, and what the host offers to it.
//
// Strings are pointer and length, as the host passes them, and have no terminating zero: print them with
// "%.*s" and HY_STR. Nothing that comes from the host or from this header needs to be freed: the memory of
// an attempt is freed when the attempt ends.
//
// Every function that calls the host returns a hy_outcome. HY_TRY returns it from the handler if the call
// failed, and the host then runs the handler again later.
#ifndef HOOKYARD_H
#define HOOKYARD_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hookyard_imports.h"
#include "hy.h"

#ifdef __cplusplus
extern "C" {
#endif

// A text in UTF-8, or any bytes. `ptr` is NULL where there is no text.
typedef hy_string_t hy_string;

// What the host knows about the event and about this attempt.
typedef hookyard_plugin_types_delivery_t hy_delivery;

typedef enum {
    HY_DONE,       // The event is handled.
    HY_REJECT,     // The event can never be handled.
    HY_RETRY,      // The handler asks for another attempt.
    HY_HOST_ERROR, // The host did not do what the handler asked. The host runs the handler again later.
} hy_kind;

// The result of a handler and of every call to the host.
typedef struct {
    hy_kind kind;
    hy_string reason;  // Empty if the kind is HY_DONE.
    uint64_t after_ms; // The minimum delay of a retry; 0: the schedule of the source decides.
} hy_outcome;

#define HY_OK ((hy_outcome){HY_DONE, {NULL, 0}, 0})

// Returns the outcome of a call from the handler unless the call succeeded.
#define HY_TRY(call)                                          \
    do {                                                      \
        hy_outcome hy_try_outcome = (call);                   \
        if (hy_try_outcome.kind != HY_DONE) return hy_try_outcome; \
    } while (0)

// The two arguments of "%.*s" for a hy_string.
#define HY_STR(text) (int)(text).len, (const char *)(text).ptr

// The initializer of an option that has a value, such as `.user = HY_SOME(user)`, and of a list.
#define HY_SOME(value) {.is_some = true, .val = (value)}
#define HY_LIST(items, count) {.ptr = (items), .len = (count)}

#ifdef __GNUC__
#define HY_FORMAT(text, first) __attribute__((format(printf, text, first)))
#define HY_NORETURN __attribute__((noreturn))
#define HY_MISSING(name) \
    __attribute__((unavailable("add \"" name "\" to `imports` in hookyard.plugin.toml, and remove wit/ to have it written again")))
#else
#define HY_FORMAT(text, first)
#define HY_NORETURN
#define HY_MISSING(name)
#endif

// Outcomes. The reason is for the operator, and the arguments are those of printf.
hy_outcome hy_reject(const char *format, ...) HY_FORMAT(1, 2);
hy_outcome hy_retry(uint64_t after_ms, const char *format, ...) HY_FORMAT(2, 3);
hy_outcome hy_host_error(const char *format, ...) HY_FORMAT(1, 2);

// Ends the attempt as trapped, which counts as a fault of the plugin. The message is the reason.
HY_NORETURN void hy_trap(const char *format, ...) HY_FORMAT(1, 2);

// Memory of the attempt, filled with zeros. It is freed when the attempt ends.
void *hy_alloc(size_t len);

// Texts.
hy_string hy_text(const char *text);                     // The text without its terminating zero; NULL: no text.
hy_string hy_format(const char *format, ...) HY_FORMAT(1, 2); // A new text.
char *hy_cstr(hy_string text);                           // A copy with a terminating zero.
bool hy_equal(hy_string text, const char *other);

// Money, such as "49.98" for 4998 and 2 digits.
hy_string hy_minor_units(int64_t value, unsigned digits);
// Adds and returns false if the sum does not fit.
bool hy_add(int64_t *sum, int64_t value);

// The log. Without the import "logging", lines go to standard output and standard error.
typedef enum { HY_TRACE, HY_DEBUG, HY_INFO, HY_WARN, HY_ERROR } hy_level;
void hy_log(hy_level level, const char *format, ...) HY_FORMAT(2, 3);

#ifdef HY_IMPORT_CONFIG
#define HY_CONFIG
#else
#define HY_CONFIG HY_MISSING("config")
#endif

// Settings: the values of [config]. If the host cannot read the setting, the function returns no text and
// the attempt ends with HY_HOST_ERROR, whatever the handler returns.
hy_string hy_setting(const char *name) HY_CONFIG;
// A setting that is a number; `fallback` where there is no such setting.
hy_outcome hy_setting_int(const char *name, int64_t fallback, int64_t *value) HY_CONFIG;

#ifdef HY_IMPORT_KEYVALUE
#define HY_KEYVALUE
#else
#define HY_KEYVALUE HY_MISSING("keyvalue")
#endif

// The key-value store. Values are JSON by convention, and a number is its decimal text. If another attempt
// changes a key that this attempt has read, the host runs the handler again from its beginning.
typedef struct {
    hy_string *ptr;
    size_t len;
} hy_keys;

hy_outcome hy_get(const char *bucket, hy_string key, hy_string *value) HY_KEYVALUE; // `ptr` is NULL if absent.
hy_outcome hy_set(const char *bucket, hy_string key, hy_string value) HY_KEYVALUE;
hy_outcome hy_delete(const char *bucket, hy_string key) HY_KEYVALUE;
hy_outcome hy_exists(const char *bucket, hy_string key, bool *exists) HY_KEYVALUE;
hy_outcome hy_list_keys(const char *bucket, hy_keys *keys) HY_KEYVALUE; // All keys, in the order of their bytes.
hy_outcome hy_increment(const char *bucket, hy_string key, int64_t by, int64_t *sum) HY_KEYVALUE;
hy_outcome hy_get_int(const char *bucket, hy_string key, int64_t fallback, int64_t *value) HY_KEYVALUE;
hy_outcome hy_set_int(const char *bucket, hy_string key, int64_t value) HY_KEYVALUE;

#ifdef HY_IMPORT_OUTBOX
#define HY_OUTBOX
#else
#define HY_OUTBOX HY_MISSING("outbox")
#endif

// Sends a body to a destination, together with the outcome. `ordering_key` and `id` may be NULL.
hy_outcome hy_send(const char *destination, hy_string body, const char *ordering_key, hy_string *id) HY_OUTBOX;

typedef struct {
    const char *name;
    const char *value;
} hy_header;

#ifdef HY_IMPORT_RESPONDER
#define HY_RESPONDER
#else
#define HY_RESPONDER HY_MISSING("responder")
#endif

typedef struct {
    uint16_t status; // From 200 to 599; 0: 200.
    const hy_header *headers;
    size_t headers_len;
    hy_string body;
} hy_answer;

// Answers the request that brought the event, if its source has `ack = "responder"`. The answer is sent
// if the handler returns HY_OK, and in time.
hy_outcome hy_respond(const hy_answer *answer) HY_RESPONDER;

#ifdef HY_IMPORT_HTTP
#define HY_HTTP
#else
#define HY_HTTP HY_MISSING("http")
#endif

typedef struct {
    const char *method; // NULL: GET.
    const char *url;
    const hy_header *headers;
    size_t headers_len;
    hy_string body;
    uint64_t timeout_ms; // The maximum wait for the answer; 0: no maximum but that of the attempt.
} hy_request;

typedef struct {
    uint16_t status;
    hy_string body;
    uint64_t retry_after_ms; // From the header Retry-After, if it is a number of seconds.
} hy_response;

// Sends a request and reads the whole answer. A request other than GET and HEAD gets the header
// `idempotency-key`, the event's id and the number of the request, unless `headers` has this header.
hy_outcome hy_http(const hy_request *request, hy_response *response) HY_HTTP;
// Returns HY_RETRY for the statuses 408, 429 and 5xx, HY_HOST_ERROR for other 4xx, and otherwise HY_OK.
hy_outcome hy_or_retry(const hy_response *response);

// For the generated code.
void hy_begin(const hy_delivery *delivery);
bool hy_end(hy_outcome outcome, hookyard_plugin_types_failure_t *failure);
void hy_free_all(void);
hy_outcome hy_unhandled(const char *name);
hy_outcome hy_unsent(const char *interface, const char *destination, uint8_t error, const hy_string *words);
const hy_delivery *hy_current(void);
uint32_t hy_next_request(void);

#ifdef __cplusplus
}
#endif

#endif
