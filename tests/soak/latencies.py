"""Durations gathered in buckets that grow by 2 %, so that those of many processes can be added up."""
import collections
import math

GROWTH = math.log(1.02)


class Latencies:
    def __init__(self, counts=()):
        self.counts = collections.Counter({int(bucket): count for bucket, count in dict(counts).items()})

    def add(self, seconds):
        self.counts[int(math.log(max(seconds, 1e-7) * 1e6) / GROWTH)] += 1

    def merge(self, other):
        self.counts.update(other.counts)

    def __len__(self):
        return sum(self.counts.values())

    def quantile(self, share):
        """In microseconds, to 2 %; the largest for 1. None if there is nothing."""
        left = share * len(self)
        for bucket in sorted(self.counts):
            left -= self.counts[bucket]
            if left <= 0:
                return round(math.exp((bucket + 1) * GROWTH), 1)
        return None
