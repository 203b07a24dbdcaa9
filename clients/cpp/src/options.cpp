#include <soho/client/error.hpp>
#include <soho/client/options.hpp>

#include <algorithm>

namespace soho::client {

void CallOptions::add(timeout option) {
    if (option.after.count() <= 0)
        throw CallError(Failure(CallCode::bad_arguments, "a timeout must be longer than nothing"));
    timeout_ = option.after;
}

void CallOptions::add(const kw& option) {
    std::erase_if(keywords_, [&](const Keyword& keyword) { return keyword.name == option.name(); });
    keywords_.push_back({option.name(), std::string(data::as_text(option.value())), option.keeper()});
}

void CallOptions::write(data::Writer<data::Buffer>& out, std::string_view name, std::string_view if_exists) const {
    const auto text = [&](std::string_view key, std::string_view value) {
        if (value.empty()) return;
        out.string(key);
        out.string(value);
    };
    out.map((timeout_.count() != 0) + !owner_.empty() + !trace_.empty() + !keywords_.empty() + !name.empty() +
            !if_exists.empty());
    if (timeout_.count() != 0) {
        out.string("timeout_ms");
        if (timeout_.count() % 1'000'000 == 0) {
            out.integer(timeout_.count() / 1'000'000);
        } else {
            out.floating(std::chrono::duration<double, std::milli>(timeout_).count());
        }
    }
    text("owner", owner_);
    text("trace", trace_);
    text("name", name);
    text("if_exists", if_exists);
    if (keywords_.empty()) return;
    out.string("kw");
    out.map(keywords_.size());
    for (const Keyword& keyword : keywords_) {
        out.string(keyword.name);
        out.raw(data::as_bytes(keyword.value));
    }
}

}  // namespace soho::client
