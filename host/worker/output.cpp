#include "host/worker/output.hpp"

#include "host/object/executor.hpp"

#include <unistd.h>
#include <chrono>

namespace soho::host {

namespace {

constexpr std::int64_t slice_ns = 100'000'000;

}  // namespace

Output::Output(asio::io_context& context, int descriptor, spdlog::logger& log, spdlog::level::level_enum level)
    : descriptor_(context, descriptor),
      pause_(context),
      log_(log),
      level_(level) {
    descriptor_.non_blocking(true);
}

Output::~Output() {
    for (std::size_t rest = bytes_per_slice; rest != 0;) {
        const ssize_t got = ::read(descriptor_.native_handle(), buffer_.data(), std::min(rest, buffer_.size()));
        if (got <= 0) break;
        take(static_cast<std::size_t>(got));
        rest -= static_cast<std::size_t>(got);
    }
    if (!line_.empty()) write_line(line_);
}

void Output::read() {
    const std::int64_t now = monotonic_now();
    if (now - slice_ns_ > slice_ns) {
        slice_ns_ = now;
        taken_ = 0;
    }
    if (taken_ >= bytes_per_slice) {
        pause_.expires_after(std::chrono::nanoseconds(slice_ns));
        return pause_.async_wait([weak = weak_from_this()](const asio::error_code& failure) {
            if (const auto self = weak.lock(); self != nullptr && !failure) self->read();
        });
    }
    descriptor_.async_wait(
        asio::posix::stream_descriptor::wait_read, [weak = weak_from_this()](const asio::error_code& failure) {
            const auto self = weak.lock();
            if (self == nullptr || failure) return;
            const ssize_t got = ::read(self->descriptor_.native_handle(), self->buffer_.data(), self->buffer_.size());
            if (got == 0) return;  // all its writers have gone
            if (got > 0) self->take(static_cast<std::size_t>(got));
            self->read();
        });
}

void Output::take(std::size_t size) {
    taken_ += size;
    std::string_view text(buffer_.data(), size);
    while (!text.empty()) {
        const auto end = text.find('\n');
        line_ += text.substr(0, end);
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        if (end == text.npos && line_.size() < line_bytes_max) return;
        write_line(line_);
        line_.clear();
    }
}

void Output::write_line(std::string_view line) {
    const auto [level, sentence] = split_forwarded(line, level_);
    if (!sentence.empty()) log_.log(level, "{}", sentence.substr(0, line_bytes_max));
}

}  // namespace soho::host
