// The behaviours that every language shows in the same way. The id of the offer selects the behaviour.
#include <iostream>

#include "topi_saas.hpp"

using namespace std::chrono_literals;
using hookyard::outcome;

static outcome log_sum(const topi_saas::offer& offer) {
    const auto sum = hookyard::sum(offer.offer_lines, [](const auto& line) { return line.price.value; });
    if (!sum) return hookyard::reject("the sum is too large");
    hookyard::log::info("sum {}", *sum);
    return {};
}

// Returns the first code points of a text.
static std::string_view first_code_points(std::string_view text, std::size_t count) {
    std::size_t at = 0;
    for (; at < text.size(); at++) {
        const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
        if (begins && count-- == 0) break;
    }
    return text.substr(0, at);
}

static outcome log_title(const topi_saas::offer& offer) {
    const std::string_view title = offer.offer_lines[0].title.value_or("");
    hookyard::log::info("title {} {}", title.size(), first_code_points(title, 12));
    return {};
}

static outcome log_delivery(const hookyard::delivery& delivery) {
    hookyard::log::info("delivery {}/{} {} {} {}", delivery.tenant, delivery.source, delivery.provider,
                        delivery.event_type.value_or("none"), delivery.attempt);
    return {};
}

static outcome log_text(std::string text) {
    hookyard::log::info("{}", text);
    return {};
}

[[noreturn]] static void trap() { hookyard::trap("asked to trap"); }

static outcome log_levels() {
    hookyard::log::trace("level trace");
    hookyard::log::debug("level debug");
    hookyard::log::info("level info");
    hookyard::log::warn("level warn");
    hookyard::log::error("level error");
    std::cout << "printed\n";
    return {};
}

static outcome count() {
    HOOKYARD_TRY(number, hookyard::bucket<std::int64_t>("counts").increment("offers"));
    return log_text(std::format("count {}", number));
}

static outcome change_values() {
    const hookyard::bucket<std::string> values("values");
    HOOKYARD_DO(values.set("a", "[1,2]"));
    HOOKYARD_DO(values.set("b", "\"é\""));
    HOOKYARD_TRY(a, values.get("a"));
    HOOKYARD_TRY(before, values.exists("b"));
    HOOKYARD_TRY(keys, values.keys());
    HOOKYARD_DO(values.remove("b"));
    HOOKYARD_TRY(after, values.exists("b"));

    std::string names;
    for (const std::string& key : keys) names += (names.empty() ? "" : ",") + key;
    return log_text(std::format("values {} {} {} {}", a.value_or("none"), before, names, after));
}

static outcome update() {
    const hookyard::bucket<std::int64_t> counts("counts");
    HOOKYARD_TRY(number, counts.update("updates", [](std::optional<std::int64_t> old) { return old.value_or(0) + 1; }));
    return log_text(std::format("update {}", number));
}

static outcome request() {
    HOOKYARD_TRY(answer, hookyard::http::get(std::string(hookyard::setting("url").value_or(""))));
    return log_text(std::format("http {} {}", answer.status, answer.body));
}

outcome topi_saas::on_offer_accepted_by_user(const accepted_by_user& event, const hookyard::delivery& delivery) {
    const auto& payload = event.payload;
    const std::string_view id = payload.offer_id;
    if (id == "sum") return log_sum(payload.offer);
    if (id == "title") return log_title(payload.offer);
    if (id == "lines") return log_text(std::format("lines {}", payload.offer.offer_lines.size()));
    if (id == "optional") return log_text(std::format("company {}", payload.end_customer.company_name.value_or("none")));
    if (id == "delivery") return log_delivery(delivery);
    if (id == "reject") return hookyard::reject("asked to reject");
    if (id == "retry") return hookyard::retry(60s, "asked to retry");
    if (id == "trap") trap();
    if (id == "host-error") return hookyard::send("nowhere", "{}").transform(hookyard::ignore);
    if (id == "log") return log_levels();
    if (id == "count") return count();
    if (id == "values") return change_values();
    if (id == "update") return update();
    if (id == "setting") return log_text(std::format("setting {}", hookyard::setting("mode").value_or("none")));
    if (id == "send") return hookyard::send("raw", R"({"hello":"wörld"})", "k").transform(hookyard::ignore);
    if (id == "respond")
        return hookyard::respond({.status = 201, .headers = {{"X-Pot", "round"}}, .body = R"({"hello":"wörld"})"});
    if (id == "answer") return send_offer_declined({.offer_id = id, .reason = "asked to"}).transform(hookyard::ignore);
    if (id == "http") return request();
    return hookyard::reject("unknown behaviour {}", id);
}

outcome topi_saas::on_other(const std::string_view&, const hookyard::delivery& delivery) {
    return log_text(std::format("other {}", delivery.event_type.value_or("none")));
}
