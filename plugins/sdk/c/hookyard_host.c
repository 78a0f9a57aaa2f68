// The part of the SDK that calls the host. Native tests link hookyard_fake.c in its place.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hookyard_internal.h"

// Debian's compiler-rt for WebAssembly refers to the stack protector, which its libc does not have.
__attribute__((weak)) uintptr_t __stack_chk_guard = 0x5bd1e995;
__attribute__((weak)) _Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void) { hy_trap("the stack was overwritten"); }

// The memory of an attempt: blocks, the newest first. An instance may serve several attempts, and what the
// host passes has no other owner.
typedef struct block {
    struct block *next;
    size_t len, used;
    _Alignas(16) unsigned char bytes[];
} block;

static block *blocks;

void *hy_alloc(size_t len) {
    size_t wanted = (len + 15) & ~(size_t)15;
    if (wanted < len) hy_trap("out of memory");

    if (blocks == NULL || blocks->len - blocks->used < wanted) {
        size_t size = wanted < 16384 ? 16384 : wanted;
        block *fresh = malloc(sizeof *fresh + size);
        if (fresh == NULL) {
            // A message would need memory as well.
            fputs("out of memory\n", stderr);
            abort();
        }
        *fresh = (block){.next = blocks, .len = size};
        blocks = fresh;
    }
    void *memory = blocks->bytes + blocks->used;
    blocks->used += wanted;
    return memset(memory, 0, len);
}

void hy_free_all(void) {
    while (blocks != NULL) {
        block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

// What the host allocates for values that it passes.
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_len, size_t align, size_t len);
void *cabi_realloc(void *old, size_t old_len, size_t align, size_t len) {
    if (len == 0) return (void *)align;
    void *memory = hy_alloc(len);
    if (old_len > 0) memcpy(memory, old, old_len < len ? old_len : len);
    return memory;
}

// What the adapter to WASI allocates for itself. It stays when the attempt ends.
__attribute__((export_name("cabi_realloc_adapter"))) void *hy_realloc_adapter(void *old, size_t old_len, size_t align, size_t len);
void *hy_realloc_adapter(void *old, size_t old_len, size_t align, size_t len) {
    (void)old_len;
    (void)align;
    return realloc(old, len);
}

void hy_log(hy_level level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    hy_string message = hy_vformat(format, arguments);
    va_end(arguments);
    fflush(stdout);

#ifdef HY_IMPORT_LOGGING
    hy_string context = {NULL, 0};
    wasi_logging_logging_log((wasi_logging_logging_level_t)level, &context, &message);
#else
    static const char *const names[] = {"trace: ", "debug: ", "", "warn: ", "error: "};
    fprintf(level == HY_ERROR ? stderr : stdout, "%s%.*s\n", names[level], HY_STR(message));
#endif
}

#ifdef HY_IMPORT_CONFIG
hy_string hy_setting(const char *name) {
    hy_string key = hy_text(name);
    hy_option_string_t value;
    wasi_config_store_error_t error;

    if (!wasi_config_store_get(&key, &value, &error)) {
        hy_pend(hy_host_error("setting \"%s\": %.*s", name, HY_STR(error.val.io)));
        return (hy_string){NULL, 0};
    }
    // An empty setting is a text as well, so its pointer must not be NULL.
    if (value.is_some && value.val.len == 0) return hy_format("%s", "");
    return value.is_some ? value.val : (hy_string){NULL, 0};
}
#endif

#ifdef HY_IMPORT_KEYVALUE
static hy_outcome store_error(const char *bucket, const wasi_keyvalue_store_error_t *error) {
    if (error->tag == WASI_KEYVALUE_STORE_ERROR_OTHER)
        return hy_host_error("bucket \"%s\": %.*s", bucket, HY_STR(error->val.other));
    if (error->tag == WASI_KEYVALUE_STORE_ERROR_NO_SUCH_STORE)
        return hy_host_error("bucket \"%s\": the name is too long", bucket);
    return hy_host_error("bucket \"%s\": access is denied", bucket);
}

// Opens a bucket as `store` and calls a function with it. Handles are closed when the instance ends.
#define WITH_BUCKET(bucket, call)                                                   \
    wasi_keyvalue_store_error_t error;                                              \
    wasi_keyvalue_store_own_bucket_t opened;                                        \
    hy_string name = hy_text(bucket);                                               \
    if (!wasi_keyvalue_store_open(&name, &opened, &error)) return store_error(bucket, &error); \
    wasi_keyvalue_store_borrow_bucket_t store = wasi_keyvalue_store_borrow_bucket(opened); \
    bool called = (call);                                                           \
    wasi_keyvalue_store_bucket_drop_own(opened);                                    \
    if (!called) return store_error(bucket, &error)

hy_outcome hy_get(const char *bucket, hy_string key, hy_string *value) {
    hy_option_list_u8_t found;
    WITH_BUCKET(bucket, wasi_keyvalue_store_method_bucket_get(store, &key, &found, &error));

    *value = (hy_string){NULL, 0};
    if (found.is_some) *value = found.val.len == 0 ? hy_format("%s", "") : (hy_string){found.val.ptr, found.val.len};
    return HY_OK;
}

hy_outcome hy_set(const char *bucket, hy_string key, hy_string value) {
    hy_list_u8_t bytes = {value.ptr, value.len};
    WITH_BUCKET(bucket, wasi_keyvalue_store_method_bucket_set(store, &key, &bytes, &error));
    return HY_OK;
}

hy_outcome hy_delete(const char *bucket, hy_string key) {
    WITH_BUCKET(bucket, wasi_keyvalue_store_method_bucket_delete(store, &key, &error));
    return HY_OK;
}

hy_outcome hy_exists(const char *bucket, hy_string key, bool *exists) {
    WITH_BUCKET(bucket, wasi_keyvalue_store_method_bucket_exists(store, &key, exists, &error));
    return HY_OK;
}

static hy_outcome list_page(const char *bucket, hy_string *cursor, wasi_keyvalue_store_key_response_t *page) {
    WITH_BUCKET(bucket, wasi_keyvalue_store_method_bucket_list_keys(store, cursor, page, &error));
    return HY_OK;
}

hy_outcome hy_list_keys(const char *bucket, hy_keys *keys) {
    wasi_keyvalue_store_key_response_t page = {.cursor = {.is_some = false}};
    *keys = (hy_keys){NULL, 0};

    do {
        HY_TRY(list_page(bucket, page.cursor.is_some ? &page.cursor.val : NULL, &page));
        hy_string *all = hy_alloc((keys->len + page.keys.len) * sizeof(hy_string));
        if (keys->len > 0) memcpy(all, keys->ptr, keys->len * sizeof(hy_string));
        if (page.keys.len > 0) memcpy(all + keys->len, page.keys.ptr, page.keys.len * sizeof(hy_string));
        *keys = (hy_keys){all, keys->len + page.keys.len};
    } while (page.cursor.is_some);
    return HY_OK;
}

hy_outcome hy_increment(const char *bucket, hy_string key, int64_t by, int64_t *sum) {
    WITH_BUCKET(bucket, wasi_keyvalue_atomics_increment(store, &key, by, sum, &error));
    return HY_OK;
}
#endif

#ifdef HY_IMPORT_OUTBOX
hy_outcome hy_send(const char *destination, hy_string body, const char *ordering_key, hy_string *id) {
    hy_string name = hy_text(destination), key = hy_text(ordering_key), sent_id = {NULL, 0};
    hy_list_u8_t bytes = {body.ptr, body.len};
    hookyard_plugin_outbox_error_t error;

    bool sent = hookyard_plugin_outbox_send(&name, &bytes, ordering_key == NULL ? NULL : &key, &sent_id, &error);
    if (!sent) return hy_unsent("outbox", destination, error.tag, &error.val.other);
    if (id != NULL) *id = sent_id;
    return HY_OK;
}
#endif

#ifdef HY_IMPORT_RESPONDER
hy_outcome hy_respond(const hy_answer *answer) {
    hookyard_plugin_responder_header_t *headers = hy_alloc(answer->headers_len * sizeof *headers);
    for (size_t i = 0; i < answer->headers_len; i++) {
        const hy_header *header = &answer->headers[i];
        headers[i] = (hookyard_plugin_responder_header_t){hy_text(header->name), hy_text(header->value)};
    }
    hookyard_plugin_responder_response_t response = {
        .status = answer->status == 0 ? 200 : answer->status,
        .headers = {headers, answer->headers_len},
        .body = {answer->body.ptr, answer->body.len},
    };

    hookyard_plugin_responder_error_t error;
    if (hookyard_plugin_responder_respond(&response, &error)) return HY_OK;
    switch (error.tag) {
    case HOOKYARD_PLUGIN_RESPONDER_ERROR_NOT_ASKED: return hy_host_error("responder: %s", HY_NOT_ASKED);
    case HOOKYARD_PLUGIN_RESPONDER_ERROR_ALREADY: return hy_host_error("responder: %s", HY_ALREADY);
    default: return hy_host_error("responder: %.*s", HY_STR(error.val.too_much));
    }
}
#endif
