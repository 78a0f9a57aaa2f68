// Accepts the offers whose lines come to their total, and counts the offers of each customer.
#include "topi_saas.hpp"

using namespace std::chrono_literals;

// The partner's ids of the lines. The views in `lines` refer to the texts in `ids`.
struct Answer {
    std::vector<std::string> ids;
    std::vector<topi_saas::accepted_line> lines;

    explicit Answer(const topi_saas::offer& offer) {
        for (std::size_t i = 1; i <= offer.offer_lines.size(); i++) ids.push_back(std::format("line-{}", i));
        for (const std::string& id : ids) lines.push_back({.external_id = id});
    }
};

hookyard::outcome topi_saas::on_offer_accepted_by_user(const accepted_by_user& event, const hookyard::delivery& delivery) {
    const auto& [offer_id, seller, offer, end_customer, user, shipping_address] = event.payload;
    const auto sum = hookyard::sum(offer.offer_lines, [](const offer_line& line) { return line.price.value; });
    if (!sum) return hookyard::reject("the sum is too large");

    if (*sum != offer.total_price.value)
        return hookyard::reject("the lines come to {}, not {}", *sum, offer.total_price.value);
    if (hookyard::setting("paused")) return hookyard::retry(60s, "paused in [config]");

    HOOKYARD_TRY(seen, hookyard::bucket<std::int64_t>("customers").increment(end_customer.end_customer_id));
    hookyard::log::info("offer {}: {} {}, number {}, attempt {}", offer_id, hookyard::minor_units(*sum),
                        offer.total_price.currency, seen, delivery.attempt);

    const Answer answer(offer);
    return send_offer_accepted({.offer_id = offer_id, .offer = {.offer_lines = answer.lines},
                                .end_customer = end_customer, .user = user})
        .transform(hookyard::ignore);
}
