#include "bench/load/histogram.hpp"

#include <gtest/gtest.h>

namespace soho::bench {
namespace {

TEST(Histogram, HasABucketForEachValueBelow64AndStepsOfOneIn64Above) {
    static_assert(Histogram::index_of(0) == 0);
    static_assert(Histogram::index_of(63) == 63);
    static_assert(Histogram::index_of(64) == 64);
    static_assert(Histogram::index_of(127) == 127);
    static_assert(Histogram::index_of(128) == 128);
    static_assert(Histogram::index_of(129) == 128);
    static_assert(Histogram::index_of(130) == 129);
    static_assert(Histogram::index_of(256) == 192);
    static_assert(Histogram::upper_end(63) == 63);
    static_assert(Histogram::upper_end(128) == 129);
    static_assert(Histogram::upper_end(192) == 259);
}

TEST(Histogram, PutsEveryValueIntoABucketThatEndsAtMostOneIn64Above) {
    for (std::uint64_t value = 1; value < Histogram::value_max; value = value * 3 / 2 + 1) {
        const std::uint64_t end = Histogram::upper_end(Histogram::index_of(value));
        EXPECT_GE(end, value);
        EXPECT_LE(end, value + value / 64);
        EXPECT_NE(Histogram::index_of(end), Histogram::index_of(end + 1));
    }
}

TEST(Histogram, GivesQuantiles) {
    Histogram histogram;
    EXPECT_EQ(histogram.quantile(0.5), 0u);
    for (std::uint64_t value = 1; value <= 60; ++value) histogram.record(value);
    EXPECT_EQ(histogram.total(), 60u);
    EXPECT_EQ(histogram.quantile(0.5), 30u);
    EXPECT_EQ(histogram.quantile(0.95), 57u);
    EXPECT_EQ(histogram.quantile(1), 60u);
    histogram.record(std::uint64_t{1} << 60);
    EXPECT_EQ(histogram.quantile(1), Histogram::value_max);
}

}  // namespace
}  // namespace soho::bench
