// Native unit tests: `make test`. hookyard_testing.hpp describes the world in which the handler runs.
#undef NDEBUG
#include <cassert>
#include <cstdio>

#include "hookyard_testing.hpp"
#include "untyped.hpp"

static hookyard::outcome run(std::string_view body) {
    const untyped::message message{.headers = {}, .body = body};
    return hookyard::testing::run([&] { return untyped::on_message(message, {}); });
}

static void event_is_logged() {
    hy_world_reset();
    assert(run("hello").has_value());
    assert(hookyard::view(hy_world.log[0]) == "an event without a type: 5 bytes, 0 headers");
}

static void empty_body_is_rejected() {
    hy_world_reset();
    const hookyard::outcome outcome = run("");
    assert(!outcome && outcome.error().kind == HY_REJECT);
}

int main() {
    event_is_logged();
    empty_body_is_rejected();
    std::puts("2 tests passed");
}
