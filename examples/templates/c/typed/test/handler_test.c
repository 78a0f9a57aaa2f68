// Native unit tests: `make test`. hookyard_fake.h describes the world in which the handler runs.
#undef NDEBUG
#include <assert.h>
#include <stdio.h>

#include "hookyard_fake.h"
#include "{{namespace.snake}}.h"

// @first
static hy_outcome run(const char *key) {
    {{namespace.snake}}_{{payload.snake}} event = {0};
    hy_delivery delivery = {.event_id = hy_text("event-1"), .key = hy_text(key), .attempt = 1};
    return hy_run(&delivery, on_{{case.snake}}(&event, &delivery));
}

static void event_is_logged(void) {
    hy_world_reset();
    assert(run("key-1").kind == HY_DONE);
    assert(hy_equal(hy_world.log[0], "{{case.kebab}} event-1"));
}

static void event_without_key_is_rejected(void) {
    hy_world_reset();
    assert(run("").kind == HY_REJECT);
}

int main(void) {
    event_is_logged();
    event_without_key_is_rejected();
    puts("2 tests passed");
}
// @end
