// Native unit tests: `make test`. hookyard_testing.hpp describes the world in which the handler runs.
#undef NDEBUG
#include <cassert>
#include <cstdio>

#include "hookyard_testing.hpp"
#include "{{namespace.snake}}.hpp"

// @first
static hookyard::outcome run(std::string_view key) {
    const {{namespace.snake}}::{{payload.snake}} event{};
    hookyard::delivery delivery{};
    delivery.event_id = "event-1";
    delivery.key = key;
    return hookyard::testing::run([&] { return {{namespace.snake}}::on_{{case.snake}}(event, delivery); });
}

static void event_is_logged() {
    hy_world_reset();
    assert(run("key-1").has_value());
    assert(hookyard::view(hy_world.log[0]) == "{{case.kebab}} event-1");
}

static void event_without_key_is_rejected() {
    hy_world_reset();
    const hookyard::outcome outcome = run("");
    assert(!outcome && outcome.error().kind == HY_REJECT);
}

int main() {
    event_is_logged();
    event_without_key_is_rejected();
    std::puts("2 tests passed");
}
// @end
