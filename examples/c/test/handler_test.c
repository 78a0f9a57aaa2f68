// Native unit tests: `make test`. hookyard_fake.h describes the world in which the handler runs.
#undef NDEBUG
#include <assert.h>
#include <stdio.h>

#include "topi_saas.h"
#include "hookyard_fake.h"

static topi_saas_offer_line line = {.quantity = 2, .price = {.value = 499800}};

static hy_outcome run(int64_t total) {
    topi_saas_accepted_by_user event = {
        .payload = {
            .offer_id = hy_text("offer-1"),
            .offer = {.offer_lines = HY_LIST(&line, 1), .total_price = {total, hy_text("EUR")}},
            .end_customer = {.end_customer_id = hy_text("customer-1")},
        },
    };
    hy_delivery delivery = {.attempt = 1};
    return hy_run(&delivery, on_offer_accepted_by_user(&event, &delivery));
}

static void good_offer_is_answered(void) {
    hy_world_reset();
    assert(run(499800).kind == HY_DONE);

    const topi_saas_offer_accepted_payload *answer = hy_world.sent[0].payload;
    assert(hy_world.sent_len == 1);
    assert(hy_equal(answer->offer.offer_lines.ptr[0].external_id, "line-1"));
    assert(hy_equal(hy_world_value("customers", "customer-1"), "1"));
    assert(hy_equal(hy_world.log[0], "offer offer-1: 4998.00 EUR, number 1, attempt 1"));
}

static void wrong_sum_is_rejected(void) {
    hy_world_reset();
    hy_outcome outcome = run(1);
    assert(outcome.kind == HY_REJECT);
    assert(hy_equal(outcome.reason, "the lines come to 499800, not 1"));
    assert(hy_world.sent_len == 0);
}

static void paused_plugin_retries_later(void) {
    hy_world_reset();
    hy_world_set_setting("paused", "yes");
    hy_outcome outcome = run(499800);
    assert(outcome.kind == HY_RETRY && outcome.after_ms == 60000);
    assert(hy_world.values_len == 1 && hy_world.sent_len == 0);
}

int main(void) {
    good_offer_is_answered();
    wrong_sum_is_rejected();
    paused_plugin_retries_later();
    puts("3 tests passed");
}
