#pragma once
// Durations in a log-linear histogram: exact below 64, then 64 steps for each power of two, so that a quantile is at most
// 1.6 % too large. Fixed memory, nothing allocated while recording.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace soho::bench {

namespace detail {

inline constexpr unsigned histogram_step_bits = 6;

constexpr std::size_t histogram_bucket(std::uint64_t value) {
    constexpr std::uint64_t steps = 1u << histogram_step_bits;
    if (value < steps) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - histogram_step_bits - 1;
    return (shift + 1) * steps + (value >> shift) - steps;
}

}  // namespace detail

class Histogram {
public:
    static constexpr unsigned step_bits = detail::histogram_step_bits;
    static constexpr std::uint64_t steps = 1u << step_bits;
    static constexpr std::uint64_t value_max = (std::uint64_t{1} << 40) - 1;  // above: counted as this

    void record(std::uint64_t value) {
        ++counts_[index_of(std::min(value, value_max))];
        ++total_;
    }
    void add(const Histogram& other) {
        for (std::size_t index = 0; index < counts_.size(); ++index) counts_[index] += other.counts_[index];
        total_ += other.total_;
    }
    void clear() { *this = {}; }
    std::uint64_t total() const { return total_; }

    // The upper end of the bucket with the value that `fraction` of all do not exceed; 0 if there is none.
    std::uint64_t quantile(double fraction) const {
        const auto wanted =
            std::max<std::uint64_t>(1, static_cast<std::uint64_t>(fraction * static_cast<double>(total_) + 0.5));
        std::uint64_t seen = 0;
        for (std::size_t index = 0; total_ != 0 && index < counts_.size(); ++index) {
            seen += counts_[index];
            if (seen >= wanted) return upper_end(index);
        }
        return 0;
    }

    static constexpr std::size_t index_of(std::uint64_t value) { return detail::histogram_bucket(value); }
    // The largest value of a bucket.
    static constexpr std::uint64_t upper_end(std::size_t index) {
        if (index < steps) return index;
        const auto shift = static_cast<unsigned>(index / steps - 1);
        return ((index % steps + steps + 1) << shift) - 1;
    }

private:
    std::array<std::uint64_t, detail::histogram_bucket(value_max) + 1> counts_{};
    std::uint64_t total_ = 0;
};

}  // namespace soho::bench
