// The host of native unit tests. It keeps the host's rule: a run that fails has no effects.
#include "hookyard_fake.h"

#include <stdlib.h>
#include <string.h>

#include "hookyard_internal.h"

hy_fake_world hy_world;
static hy_fake_world before;

static bool same_text(hy_string one, hy_string other) {
    return one.len == other.len && (one.len == 0 || memcmp(one.ptr, other.ptr, one.len) == 0);
}

static bool same_bucket(const char *one, const char *other) {
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static hy_string copy(hy_string text) {
    return (hy_string){(uint8_t *)hy_cstr(text), text.len};
}

static size_t next(size_t *len) {
    if (*len == HY_FAKE_MAX) hy_trap("the world of the test is full");
    return (*len)++;
}

static hy_string read_value(const char *bucket, hy_string key) {
    for (size_t i = hy_world.values_len; i-- > 0;) {
        const hy_fake_value *value = &hy_world.values[i];
        if (same_bucket(value->bucket, bucket) && same_text(value->key, key)) return value->value;
    }
    return (hy_string){NULL, 0};
}

static void write_value(const char *bucket, hy_string key, hy_string value) {
    size_t at = next(&hy_world.values_len);
    hy_world.values[at] = (hy_fake_value){bucket, copy(key), value.ptr == NULL ? value : copy(value)};
}

void hy_world_reset(void) { memset(&hy_world, 0, sizeof hy_world); }

void hy_world_set_setting(const char *name, const char *value) { write_value(NULL, hy_text(name), hy_text(value)); }

hy_string hy_world_value(const char *bucket, const char *key) { return read_value(bucket, hy_text(key)); }

void hy_fake_begin(const hy_delivery *delivery) {
    hy_begin(delivery);
    hy_world.is_answered = false;
    before = hy_world;
}

hy_outcome hy_fake_end(hy_outcome outcome) {
    outcome = hy_settle(outcome);
    if (outcome.kind != HY_DONE) {
        hy_world.values_len = before.values_len;
        hy_world.sent_len = before.sent_len;
        hy_world.is_answered = false;
    }
    return outcome;
}

void *hy_alloc(size_t len) {
    void *memory = calloc(len + 1, 1);
    if (memory == NULL) abort();
    return memory;
}

void hy_free_all(void) {} // The tests read what a run leaves.

hy_outcome hy_fake_sent(const char *name, const char *destination, const void *payload, size_t size, hy_string *id) {
    size_t at = next(&hy_world.sent_len);
    void *kept = hy_alloc(size);
    memcpy(kept, payload, size);

    hy_world.sent[at] = (hy_fake_message){name, destination, kept, {NULL, 0}};
    if (id != NULL) *id = hy_format("message-%zu", at + 1);
    return HY_OK;
}

void hy_log(hy_level level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    hy_world.log[next(&hy_world.log_len)] = hy_vformat(format, arguments);
    va_end(arguments);
    (void)level;
}

#ifdef HY_IMPORT_CONFIG
hy_string hy_setting(const char *name) { return read_value(NULL, hy_text(name)); }
#endif

#ifdef HY_IMPORT_KEYVALUE
hy_outcome hy_get(const char *bucket, hy_string key, hy_string *value) {
    *value = read_value(bucket, key);
    return HY_OK;
}

hy_outcome hy_set(const char *bucket, hy_string key, hy_string value) {
    write_value(bucket, key, value.ptr == NULL ? hy_text("") : value);
    return HY_OK;
}

hy_outcome hy_delete(const char *bucket, hy_string key) {
    write_value(bucket, key, (hy_string){NULL, 0});
    return HY_OK;
}

hy_outcome hy_exists(const char *bucket, hy_string key, bool *exists) {
    *exists = read_value(bucket, key).ptr != NULL;
    return HY_OK;
}

static int compare_keys(const void *one, const void *other) {
    const hy_string *left = one, *right = other;
    int order = memcmp(left->ptr, right->ptr, left->len < right->len ? left->len : right->len);
    return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

hy_outcome hy_list_keys(const char *bucket, hy_keys *keys) {
    *keys = (hy_keys){hy_alloc(HY_FAKE_MAX * sizeof(hy_string)), 0};

    for (size_t i = 0; i < hy_world.values_len; i++) {
        hy_string key = hy_world.values[i].key;
        bool is_listed = !same_bucket(hy_world.values[i].bucket, bucket) || read_value(bucket, key).ptr == NULL;
        for (size_t other = 0; other < keys->len; other++) is_listed = is_listed || same_text(keys->ptr[other], key);
        if (!is_listed) keys->ptr[keys->len++] = key;
    }
    qsort(keys->ptr, keys->len, sizeof(hy_string), compare_keys);
    return HY_OK;
}

hy_outcome hy_increment(const char *bucket, hy_string key, int64_t by, int64_t *sum) {
    HY_TRY(hy_get_int(bucket, key, 0, sum));
    if (!hy_add(sum, by)) return hy_host_error("bucket \"%s\": the sum does not fit", bucket);
    return hy_set_int(bucket, key, *sum);
}
#endif

#ifdef HY_IMPORT_OUTBOX
hy_outcome hy_send(const char *destination, hy_string body, const char *ordering_key, hy_string *id) {
    HY_TRY(hy_fake_sent(NULL, destination, "", 1, id));
    hy_world.sent[hy_world.sent_len - 1].body = copy(body);
    (void)ordering_key;
    return HY_OK;
}
#endif

#ifdef HY_IMPORT_RESPONDER
hy_outcome hy_respond(const hy_answer *answer) {
    if (hy_world.is_not_asked) return hy_host_error("responder: %s", HY_NOT_ASKED);
    if (hy_world.is_answered) return hy_host_error("responder: %s", HY_ALREADY);
    hy_world.is_answered = true;
    hy_world.answer = *answer;
    hy_world.answer.body = copy(answer->body);
    if (answer->status == 0) hy_world.answer.status = 200;
    return HY_OK;
}
#endif

#ifdef HY_IMPORT_HTTP
hy_outcome hy_http(const hy_request *request, hy_response *response) {
    if (hy_world.http.status == 0) return hy_host_error("http: %s: the world of the test has no answer", request->url);
    *response = hy_world.http;
    return HY_OK;
}
#endif
