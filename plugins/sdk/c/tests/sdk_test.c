// Tests of the SDK in the world of native tests. The bindings are those of a plugin that imports everything.
#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "hookyard_fake.h"

static hy_delivery delivery = {.attempt = 1};

static void outcomes_become_failures(void) {
    hookyard_plugin_types_failure_t failure;
    assert(hy_end(HY_OK, &failure));

    assert(!hy_end(hy_reject("no %s", "way"), &failure));
    assert(failure.tag == HOOKYARD_PLUGIN_TYPES_FAILURE_REJECT && hy_equal(failure.val.reject, "no way"));

    assert(!hy_end(hy_retry(60000, "later"), &failure));
    assert(failure.tag == HOOKYARD_PLUGIN_TYPES_FAILURE_RETRY && failure.val.retry.after.val == 60000);

    assert(!hy_end(hy_host_error("down"), &failure));
    assert(failure.tag == HOOKYARD_PLUGIN_TYPES_FAILURE_RETRY && !failure.val.retry.after.is_some);
    assert(hy_equal(failure.val.retry.reason, "down"));
}

static void money_is_written_with_digits(void) {
    assert(hy_equal(hy_minor_units(4998, 2), "49.98"));
    assert(hy_equal(hy_minor_units(-5, 2), "-0.05"));
    assert(hy_equal(hy_minor_units(7, 0), "7"));
    assert(hy_equal(hy_minor_units(INT64_MIN, 3), "-9223372036854775.808"));
}

static void sum_that_does_not_fit_is_refused(void) {
    int64_t sum = INT64_MAX - 1;
    assert(hy_add(&sum, 1) && sum == INT64_MAX);
    assert(!hy_add(&sum, 1));
}

static void texts_may_contain_zeros(void) {
    hy_string text = {(uint8_t *)"a\0b", 3};
    assert(memcmp(hy_cstr(text), "a\0b", 4) == 0);
    assert(!hy_equal(text, "a"));
    assert(hy_text(NULL).ptr == NULL && hy_text(NULL).len == 0);
}

static void setting_that_is_not_a_number_is_an_error(void) {
    int64_t value;
    hy_world_reset();
    assert(hy_setting_int("limit", 5, &value).kind == HY_DONE && value == 5);
    hy_world_set_setting("limit", "-7");
    assert(hy_setting_int("limit", 5, &value).kind == HY_DONE && value == -7);

    hy_world_set_setting("limit", "7a");
    hy_outcome outcome = hy_setting_int("limit", 5, &value);
    assert(outcome.kind == HY_HOST_ERROR);
    assert(hy_equal(outcome.reason, "setting \"limit\" is \"7a\", not a number"));
}

static hy_outcome write_values(void) {
    int64_t sum;
    hy_keys keys;
    bool exists;
    HY_TRY(hy_set("b", hy_text("z"), hy_text("1")));
    HY_TRY(hy_increment("b", hy_text("a"), 41, &sum));
    HY_TRY(hy_increment("b", hy_text("a"), 1, &sum));
    assert(sum == 42);

    HY_TRY(hy_list_keys("b", &keys));
    assert(keys.len == 2 && hy_equal(keys.ptr[0], "a") && hy_equal(keys.ptr[1], "z"));
    HY_TRY(hy_delete("b", hy_text("z")));
    HY_TRY(hy_exists("b", hy_text("z"), &exists));
    assert(!exists);
    HY_TRY(hy_set("b", hy_text("a"), hy_text("many")));
    return hy_get_int("b", hy_text("a"), 0, &sum);
}

static void failed_run_writes_nothing(void) {
    hy_world_reset();
    hy_outcome outcome = hy_run(&delivery, write_values());
    assert(outcome.kind == HY_HOST_ERROR);
    assert(hy_equal(outcome.reason, "bucket \"b\", key \"a\": the value is not a number"));
    assert(hy_world.values_len == 0);
}

static void sent_message_is_kept(void) {
    hy_string id;
    hy_world_reset();
    assert(hy_run(&delivery, hy_send("raw", hy_text("{}"), NULL, &id)).kind == HY_DONE);
    assert(hy_world.sent_len == 1 && hy_equal(hy_world.sent[0].body, "{}") && hy_equal(id, "message-1"));
}

static hy_outcome answer_twice(const hy_answer *answer) {
    HY_TRY(hy_respond(answer));
    return hy_respond(answer);
}

static void answer_of_a_successful_run_is_kept(void) {
    const hy_header header = {"x-pot", "round"};
    const hy_answer answer = {.status = 201, .headers = &header, .headers_len = 1, .body = hy_text("made")};
    hy_world_reset();
    assert(hy_run(&delivery, hy_respond(&answer)).kind == HY_DONE);
    assert(hy_world.is_answered && hy_world.answer.status == 201 && hy_equal(hy_world.answer.body, "made"));

    hy_outcome outcome = hy_run(&delivery, answer_twice(&answer));
    assert(hy_equal(outcome.reason, "responder: this attempt has responded already") && !hy_world.is_answered);
    hy_world.is_not_asked = true;
    assert(hy_run(&delivery, hy_respond(&answer)).kind == HY_HOST_ERROR);
}

static void statuses_become_outcomes(void) {
    const hy_request request = {.url = "https://example.com"};
    hy_response response;
    hy_world_reset();
    assert(hy_http(&request, &response).kind == HY_HOST_ERROR);

    hy_world.http = (hy_response){.status = 429, .retry_after_ms = 3000};
    assert(hy_http(&request, &response).kind == HY_DONE);
    assert(hy_or_retry(&response).kind == HY_RETRY && hy_or_retry(&response).after_ms == 3000);
    assert(hy_or_retry(&(hy_response){.status = 404}).kind == HY_HOST_ERROR);
    assert(hy_or_retry(&(hy_response){.status = 204}).kind == HY_DONE);
}

int main(void) {
    outcomes_become_failures();
    money_is_written_with_digits();
    sum_that_does_not_fit_is_refused();
    texts_may_contain_zeros();
    setting_that_is_not_a_number_is_an_error();
    failed_run_writes_nothing();
    sent_message_is_kept();
    answer_of_a_successful_run_is_kept();
    statuses_become_outcomes();
    puts("9 tests passed");
}
