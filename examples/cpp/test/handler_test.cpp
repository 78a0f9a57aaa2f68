// Native unit tests: `make test`. hookyard_testing.hpp describes the world in which the handler runs.
#undef NDEBUG
#include <cassert>
#include <cstdio>

#include "hookyard_testing.hpp"
#include "topi_saas.hpp"

namespace testing = hookyard::testing;

static hookyard::outcome run(std::int64_t total) {
    const topi_saas::offer_line line{.quantity = 2, .price = {.value = 499800, .currency = "EUR"}};
    topi_saas::accepted_by_user event;
    event.payload.offer_id = "offer-1";
    event.payload.offer = {.offer_lines = {&line, 1}, .total_price = {.value = total, .currency = "EUR"}};
    event.payload.end_customer.end_customer_id = "customer-1";
    return testing::run([&] { return topi_saas::on_offer_accepted_by_user(event, {}); });
}

static void good_offer_is_answered() {
    hy_world_reset();
    assert(run(499800).has_value());

    assert(hy_world.sent_len == 1);
    assert(testing::sent<topi_saas::offer_accepted_payload>(0).offer_id == "offer-1");
    assert(testing::value("customers", "customer-1") == "1");
    assert(hookyard::view(hy_world.log[0]) == "offer offer-1: 4998.00 EUR, number 1, attempt 1");
}

static void wrong_sum_is_rejected() {
    hy_world_reset();
    const hookyard::outcome outcome = run(1);
    assert(!outcome && outcome.error().kind == HY_REJECT);
    assert(outcome.error().reason == "the lines come to 499800, not 1");
    assert(hy_world.sent_len == 0);
}

static void paused_plugin_retries_later() {
    hy_world_reset();
    hy_world_set_setting("paused", "yes");
    const hookyard::outcome outcome = run(499800);
    assert(!outcome && outcome.error().after == std::chrono::minutes(1));
    assert(hy_world.sent_len == 0);
}

int main() {
    good_offer_is_answered();
    wrong_sum_is_rejected();
    paused_plugin_retries_later();
    std::puts("3 tests passed");
}
