// Native unit tests: `make test`. hookyard_fake.h describes the world in which the handler runs.
#undef NDEBUG
#include <assert.h>
#include <stdio.h>

#include "hookyard_fake.h"
#include "untyped.h"

static hy_outcome run(const char *body) {
    hy_string text = hy_text(body);
    hy_message message = {.body = {text.ptr, text.len}};
    hy_delivery delivery = {.attempt = 1};
    return hy_run(&delivery, on_message(&message, &delivery));
}

static void event_is_logged(void) {
    hy_world_reset();
    assert(run("hello").kind == HY_DONE);
    assert(hy_equal(hy_world.log[0], "an event without a type: 5 bytes, 0 headers"));
}

static void empty_body_is_rejected(void) {
    hy_world_reset();
    assert(run("").kind == HY_REJECT);
}

int main(void) {
    event_is_logged();
    empty_body_is_rejected();
    puts("2 tests passed");
}
