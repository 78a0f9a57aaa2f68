// The world of a native unit test: the host's functions work on these values.
#ifndef HOOKYARD_FAKE_H
#define HOOKYARD_FAKE_H

#include "hookyard.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const char *name;        // The function of the provider, such as "offer-accepted"; NULL for hy_send.
    const char *destination; // NULL: the only one.
    const void *payload;     // The payload that the plugin passed. What it points to is not copied.
    hy_string body;          // The body of hy_send.
} hy_fake_message;

typedef struct {
    const char *bucket; // NULL: a setting.
    hy_string key;
    hy_string value; // `ptr` is NULL: deleted.
} hy_fake_value;

enum { HY_FAKE_MAX = 256 };

typedef struct {
    hy_fake_value values[HY_FAKE_MAX];
    size_t values_len;
    hy_fake_message sent[HY_FAKE_MAX];
    size_t sent_len;
    hy_string log[HY_FAKE_MAX];
    size_t log_len;
    hy_response http;    // The answer to every request.
    hy_answer answer;    // The answer of the last run; its headers are not copied.
    bool is_answered;    // Whether the last run answered.
    bool is_not_asked;   // Whether the source does not ask for an answer.
} hy_fake_world;

extern hy_fake_world hy_world;

// Empties the world.
void hy_world_reset(void);
void hy_world_set_setting(const char *name, const char *value);
// A value of the store as it is now; `ptr` is NULL if there is none.
hy_string hy_world_value(const char *bucket, const char *key);

// Runs a handler, such as `hy_run(&delivery, on_other(&text, &delivery))`. As with the host, nothing is
// written, sent or answered unless the outcome is HY_DONE.
#define hy_run(delivery, call) (hy_fake_begin(delivery), hy_fake_end(call))

// For hy_run and the generated code.
void hy_fake_begin(const hy_delivery *delivery);
hy_outcome hy_fake_end(hy_outcome outcome);
hy_outcome hy_fake_sent(const char *name, const char *destination, const void *payload, size_t size, hy_string *id);

#ifdef __cplusplus
}
#endif

#endif
