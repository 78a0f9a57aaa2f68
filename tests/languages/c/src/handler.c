// The behaviours that every language shows in the same way. The id of the offer selects the behaviour.
#include <stdio.h>

#include "topi_saas.h"

static hy_outcome log_sum(const topi_saas_offer *offer) {
    int64_t sum = 0;
    for (size_t i = 0; i < offer->offer_lines.len; i++)
        if (!hy_add(&sum, offer->offer_lines.ptr[i].price.value)) return hy_reject("the sum is too large");
    hy_log(HY_INFO, "sum %" PRId64, sum);
    return HY_OK;
}

// Returns the length in bytes of the first code points of a text.
static size_t first_code_points(hy_string text, size_t count) {
    size_t at = 0;
    while (at < text.len) {
        bool begins = (text.ptr[at] & 0xc0) != 0x80;
        if (begins && count-- == 0) break;
        at++;
    }
    return at;
}

static hy_outcome log_title(const topi_saas_offer *offer) {
    hy_string title = offer->offer_lines.ptr[0].title.val;
    hy_string start = {title.ptr, first_code_points(title, 12)};
    hy_log(HY_INFO, "title %zu %.*s", title.len, HY_STR(start));
    return HY_OK;
}

static hy_outcome log_company(const topi_saas_end_customer *customer) {
    hy_string company = customer->company_name.is_some ? customer->company_name.val : hy_text("none");
    hy_log(HY_INFO, "company %.*s", HY_STR(company));
    return HY_OK;
}

static hy_outcome log_delivery(const hy_delivery *delivery) {
    hy_string type = delivery->event_type.is_some ? delivery->event_type.val : hy_text("none");
    hy_log(HY_INFO, "delivery %.*s/%.*s %.*s %.*s %" PRIu32, HY_STR(delivery->tenant), HY_STR(delivery->source),
           HY_STR(delivery->provider), HY_STR(type), delivery->attempt);
    return HY_OK;
}

static _Noreturn void trap(void) { hy_trap("asked to trap"); }

static hy_outcome log_levels(void) {
    hy_log(HY_TRACE, "level trace");
    hy_log(HY_DEBUG, "level debug");
    hy_log(HY_INFO, "level info");
    hy_log(HY_WARN, "level warn");
    hy_log(HY_ERROR, "level error");
    puts("printed");
    return HY_OK;
}

static hy_outcome count(void) {
    int64_t sum;
    HY_TRY(hy_increment("counts", hy_text("offers"), 1, &sum));
    hy_log(HY_INFO, "count %" PRId64, sum);
    return HY_OK;
}

static hy_outcome change_values(void) {
    const char *bucket = "values";
    hy_string a;
    hy_keys keys;
    bool before, after;
    HY_TRY(hy_set(bucket, hy_text("a"), hy_text("[1,2]")));
    HY_TRY(hy_set(bucket, hy_text("b"), hy_text("\"é\"")));
    HY_TRY(hy_get(bucket, hy_text("a"), &a));
    HY_TRY(hy_exists(bucket, hy_text("b"), &before));
    HY_TRY(hy_list_keys(bucket, &keys));
    HY_TRY(hy_delete(bucket, hy_text("b")));
    HY_TRY(hy_exists(bucket, hy_text("b"), &after));

    hy_string names = hy_text("");
    for (size_t i = 0; i < keys.len; i++)
        names = hy_format("%.*s%s%.*s", HY_STR(names), i == 0 ? "" : ",", HY_STR(keys.ptr[i]));
    hy_log(HY_INFO, "values %.*s %s %.*s %s", HY_STR(a), before ? "true" : "false", HY_STR(names),
           after ? "true" : "false");
    return HY_OK;
}

static hy_outcome update(void) {
    int64_t number;
    HY_TRY(hy_get_int("counts", hy_text("updates"), 0, &number));
    number += 1;
    HY_TRY(hy_set_int("counts", hy_text("updates"), number));
    hy_log(HY_INFO, "update %" PRId64, number);
    return HY_OK;
}

static hy_outcome log_setting(void) {
    hy_string mode = hy_setting("mode");
    if (mode.ptr == NULL) mode = hy_text("none");
    hy_log(HY_INFO, "setting %.*s", HY_STR(mode));
    return HY_OK;
}

static hy_outcome decline(hy_string offer_id) {
    topi_saas_offer_declined_payload answer = {.offer_id = offer_id, .reason = hy_text("asked to")};
    return topi_saas_send_offer_declined(&answer, NULL, NULL);
}

static hy_outcome respond(void) {
    const hy_header header = {"X-Pot", "round"};
    return hy_respond(&(hy_answer){
        .status = 201, .headers = &header, .headers_len = 1, .body = hy_text("{\"hello\":\"wörld\"}")});
}

static hy_outcome request(void) {
    hy_request request = {.url = hy_cstr(hy_setting("url"))};
    hy_response response;
    HY_TRY(hy_http(&request, &response));
    hy_log(HY_INFO, "http %u %.*s", response.status, HY_STR(response.body));
    return HY_OK;
}

hy_outcome on_offer_accepted_by_user(const topi_saas_accepted_by_user *event, const hy_delivery *delivery) {
    const topi_saas_accepted_by_user_payload *payload = &event->payload;
    hy_string id = payload->offer_id;
    if (hy_equal(id, "sum")) return log_sum(&payload->offer);
    if (hy_equal(id, "title")) return log_title(&payload->offer);
    if (hy_equal(id, "lines")) return hy_log(HY_INFO, "lines %zu", payload->offer.offer_lines.len), HY_OK;
    if (hy_equal(id, "optional")) return log_company(&payload->end_customer);
    if (hy_equal(id, "delivery")) return log_delivery(delivery);
    if (hy_equal(id, "reject")) return hy_reject("asked to reject");
    if (hy_equal(id, "retry")) return hy_retry(60000, "asked to retry");
    if (hy_equal(id, "trap")) trap();
    if (hy_equal(id, "host-error")) return hy_send("nowhere", hy_text("{}"), NULL, NULL);
    if (hy_equal(id, "log")) return log_levels();
    if (hy_equal(id, "count")) return count();
    if (hy_equal(id, "values")) return change_values();
    if (hy_equal(id, "update")) return update();
    if (hy_equal(id, "setting")) return log_setting();
    if (hy_equal(id, "send")) return hy_send("raw", hy_text("{\"hello\":\"wörld\"}"), "k", NULL);
    if (hy_equal(id, "respond")) return respond();
    if (hy_equal(id, "answer")) return decline(id);
    if (hy_equal(id, "http")) return request();
    return hy_reject("unknown behaviour %.*s", HY_STR(id));
}

hy_outcome on_other(const hy_string *event, const hy_delivery *delivery) {
    (void)event;
    hy_string type = delivery->event_type.is_some ? delivery->event_type.val : hy_text("none");
    hy_log(HY_INFO, "other %.*s", HY_STR(type));
    return HY_OK;
}
