// Tests of the SDK in the world of native tests. The bindings are those of a plugin that imports everything.
#undef NDEBUG
#include <cassert>
#include <cstdio>

#include "hookyard_testing.hpp"

using hookyard::bucket;
using hookyard::outcome;

static void outcomes_become_plain() {
    assert(hookyard::plain(outcome{}).kind == HY_DONE);

    const outcome rejected = hookyard::reject("no {}", "way");
    assert(hookyard::plain(rejected).kind == HY_REJECT && hookyard::view(hookyard::plain(rejected).reason) == "no way");
    const outcome later = hookyard::retry(std::chrono::minutes(1), "later");
    assert(hookyard::plain(later).after_ms == 60000);
}

static void sum_that_does_not_fit_is_none() {
    const std::int64_t most[] = {INT64_MAX, 1};
    assert(!hookyard::sum(most, std::identity{}));
    assert(hookyard::sum(std::span(most, 1), std::identity{}) == INT64_MAX);
}

static void option_is_compared_by_presence() {
    const hookyard::option<std::string_view> none;
    const hookyard::option<std::string_view> some("text");
    assert(!none && none.value_or("other") == "other");
    assert(some && *some == "text" && some->size() == 4);
}

static outcome write_values() {
    const bucket<std::int64_t> counts("b");
    HOOKYARD_TRY(sum, counts.increment("a", 41));
    assert(sum == 41);
    HOOKYARD_TRY(next, counts.update("a", [](std::optional<std::int64_t> old) { return old.value_or(0) + 1; }));
    assert(next == 42);

    const bucket<std::string> texts("b");
    HOOKYARD_DO(texts.set("z", "many"));
    HOOKYARD_TRY(keys, texts.keys());
    assert(keys.size() == 2 && keys[1] == "z");
    HOOKYARD_DO(counts.get("z"));
    return {};
}

static void failed_run_writes_nothing() {
    hy_world_reset();
    const outcome result = hookyard::testing::run(write_values);
    assert(!result && result.error().kind == HY_HOST_ERROR);
    assert(result.error().reason == "bucket \"b\", key \"z\": the value is not a number");
    assert(hookyard::testing::value("b", "a").empty());
}

static void answer_of_a_successful_run_is_kept() {
    hy_world_reset();
    const outcome result = hookyard::testing::run([] {
        return hookyard::respond({.status = 201, .headers = {{"x-pot", "round"}}, .body = "made"});
    });
    assert(result && hy_world.is_answered && hy_world.answer.status == 201);
    assert(hookyard::view(hy_world.answer.body) == "made");

    hy_world.is_not_asked = true;
    assert(!hookyard::testing::run([] { return hookyard::respond({}); }) && !hy_world.is_answered);
}

static void statuses_become_outcomes() {
    hy_world_reset();
    assert(!hookyard::http::get("https://example.com"));

    hy_world.http.status = 503;
    const auto answer = hookyard::http::post("https://example.com", "{}");
    assert(answer && answer->status == 503);
    assert(answer->or_retry().error().kind == HY_RETRY);
}

int main() {
    outcomes_become_plain();
    sum_that_does_not_fit_is_none();
    option_is_compared_by_presence();
    failed_run_writes_nothing();
    answer_of_a_successful_run_is_kept();
    statuses_become_outcomes();
    std::puts("6 tests passed");
}
