// Accepts the offers whose lines come to their total, and counts the offers of each customer.
#include "topi_saas.h"

static topi_saas_accepted_offer lines(const topi_saas_offer *offer) {
    size_t len = offer->offer_lines.len;
    topi_saas_accepted_line *lines = hy_alloc(len * sizeof *lines);
    for (size_t i = 0; i < len; i++) lines[i].external_id = hy_format("line-%zu", i + 1);
    return (topi_saas_accepted_offer){.offer_lines = HY_LIST(lines, len)};
}

hy_outcome on_offer_accepted_by_user(const topi_saas_accepted_by_user *event, const hy_delivery *delivery) {
    const topi_saas_accepted_by_user_payload *offer = &event->payload;
    const topi_saas_money *total = &offer->offer.total_price;
    int64_t sum = 0, seen;
    for (size_t i = 0; i < offer->offer.offer_lines.len; i++)
        if (!hy_add(&sum, offer->offer.offer_lines.ptr[i].price.value)) return hy_reject("the sum is too large");

    if (sum != total->value) return hy_reject("the lines come to %" PRId64 ", not %" PRId64, sum, total->value);
    if (hy_setting("paused").ptr != NULL) return hy_retry(60000, "paused in [config]");

    HY_TRY(hy_increment("customers", offer->end_customer.end_customer_id, 1, &seen));
    hy_log(HY_INFO, "offer %.*s: %.*s %.*s, number %" PRId64 ", attempt %" PRIu32, HY_STR(offer->offer_id),
           HY_STR(hy_minor_units(sum, 2)), HY_STR(total->currency), seen, delivery->attempt);

    topi_saas_offer_accepted_payload answer = {offer->offer_id, lines(&offer->offer), offer->end_customer, offer->user};
    return topi_saas_send_offer_accepted(&answer, NULL, NULL);
}
