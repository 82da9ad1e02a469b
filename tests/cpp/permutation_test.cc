// The computed permutation against what is known of true shuffles. Seeds are fixed; thresholds are
// 5.5 standard deviations or more, which a true shuffle passes in all but one of 10^7 cases.
#include "permutation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <stdexcept>
#include <vector>

using headrace::Permutation;

namespace {

constexpr double kFar = 5.5;

std::vector<uint64_t> images(uint64_t n, uint64_t seed, uint64_t epoch = 0) {
  const Permutation permutation(n, seed, epoch);
  std::vector<uint64_t> result(n);
  for (uint64_t i = 0; i < n; ++i) result[i] = permutation(i);
  return result;
}

bool is_bijection(const std::vector<uint64_t>& p) {
  std::vector<bool> seen(p.size());
  for (const uint64_t image : p) {
    if (image >= p.size() || seen[image]) return false;
    seen[image] = true;
  }
  return true;
}

// How many standard deviations chi-square is off its mean (Wilson and Hilferty).
double deviation_of_chi_square(double chi_square, double freedom) {
  const double v = 2 / (9 * freedom);
  return (std::cbrt(chi_square / freedom) - (1 - v)) / std::sqrt(v);
}

double chi_square(const std::vector<uint64_t>& observed, double expected) {
  double sum = 0;
  for (const uint64_t n : observed) {
    sum += (static_cast<double>(n) - expected) * (static_cast<double>(n) - expected) / expected;
  }
  return sum;
}

uint64_t cycles(const std::vector<uint64_t>& p) {
  std::vector<bool> seen(p.size());
  uint64_t count = 0;
  for (uint64_t i = 0; i < p.size(); ++i) {
    count += !seen[i];
    for (uint64_t j = i; !seen[j]; j = p[j]) seen[j] = true;
  }
  return count;
}

uint64_t inversions(const std::vector<uint64_t>& p) {
  std::vector<uint64_t> smaller(p.size() + 1);  // a Fenwick tree of the images behind i
  uint64_t count = 0;
  for (size_t i = p.size(); i-- > 0;) {
    for (uint64_t j = p[i]; j > 0; j &= j - 1) count += smaller[j];
    for (uint64_t j = p[i] + 1; j < smaller.size(); j += j & -j) ++smaller[j];
  }
  return count;
}

// Pearson's coefficient of two orders of [0, n), in standard deviations.
double correlation(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b, size_t lag) {
  const auto n = static_cast<double>(a.size());
  const double mean = (n - 1) / 2;
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum +=
        (static_cast<double>(a[i]) - mean) * (static_cast<double>(b[(i + lag) % b.size()]) - mean);
  }
  return sum / (n * (n * n - 1) / 12) * std::sqrt(n);
}

uint64_t agreements(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  uint64_t count = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) count += a[i] == b[i];
  return count;
}

// A sum of `trials` independent numbers with this mean and variance.
double deviation(uint64_t sum, double trials, double mean, double variance) {
  return (static_cast<double>(sum) - trials * mean) / std::sqrt(trials * variance);
}

}  // namespace

TEST_CASE("every size gives a permutation, and its inverse") {
  for (uint64_t n = 0; n <= 2000; ++n) {
    const Permutation permutation(n, 7, n % 3);
    std::vector<uint64_t> p(n);
    for (uint64_t i = 0; i < n; ++i) {
      p[i] = permutation(i);
      REQUIRE(permutation.inverse(p[i]) == i);
    }
    REQUIRE(is_bijection(p));
  }
  for (const uint64_t n : {65535u, 65536u, 65537u, 1000003u, 1u << 20}) {
    CHECK(is_bijection(images(n, n)));
  }
}

TEST_CASE("large sizes") {
  for (const uint64_t n :
       {(uint64_t{1} << 33) + 5, (uint64_t{1} << 47) - 1, Permutation::kLargest}) {
    const Permutation permutation(n, 1, 2);
    CHECK(permutation.size() == n);
    uint64_t low = 0;
    for (uint64_t i = 0; i < 10000; ++i) {
      const uint64_t at = i < 5000 ? i : n - 1 - (i - 5000);
      const uint64_t image = permutation(at);
      REQUIRE(image < n);
      REQUIRE(permutation.inverse(image) == at);
      low += image < n / 2;
    }
    CHECK(std::abs(deviation(low, 10000, 0.5, 0.25)) < kFar);
  }
  CHECK_THROWS_AS(Permutation(Permutation::kLargest + 1, 0, 0), std::invalid_argument);
}

TEST_CASE("the order stays what it is") {
  // States that are stored count on it, on every machine.
  using Numbers = std::vector<uint64_t>;
  CHECK(images(8, 0, 0) == Numbers{1, 3, 5, 0, 4, 6, 7, 2});
  CHECK(images(13, 7, 3) == Numbers{12, 11, 1, 2, 9, 3, 6, 7, 0, 10, 5, 4, 8});
  const Permutation large(uint64_t{1} << 40, uint64_t{0} - 1, 5);
  CHECK(Numbers{large(0), large(1), large(uint64_t{1} << 39)} ==
        Numbers{953109598779, 144985961031, 111100824368});
}

TEST_CASE("small sizes: every order is as likely as the others") {
  for (const uint64_t n : {2, 3, 4, 5, 6, 7}) {
    uint64_t orders = 1;
    for (uint64_t i = 2; i <= n; ++i) orders *= i;
    const uint64_t trials = std::max<uint64_t>(20000, orders * 20);
    std::map<std::vector<uint64_t>, uint64_t> found;
    for (uint64_t seed = 0; seed < trials; ++seed) ++found[images(n, seed)];
    std::vector<uint64_t> observed(orders);
    size_t next = 0;
    for (const auto& [order, count] : found) observed[next++] = count;
    const double expected = static_cast<double>(trials) / static_cast<double>(orders);
    const double off =
        deviation_of_chi_square(chi_square(observed, expected), static_cast<double>(orders - 1));
    CAPTURE(n);
    CHECK(std::abs(off) < kFar);
  }
}

TEST_CASE("every number comes to every place") {
  for (const uint64_t n : {9, 16, 33, 100, 257}) {
    const uint64_t trials = 20000;
    std::vector<uint64_t> observed(n * n);
    for (uint64_t t = 0; t < trials; ++t) {
      const auto p = images(n, 3, t);  // over epochs
      for (uint64_t i = 0; i < n; ++i) ++observed[i * n + p[i]];
    }
    // Rows and columns of the table have fixed sums.
    const auto size = static_cast<double>(n);
    const double statistic =
        chi_square(observed, static_cast<double>(trials) / size) * (size - 1) / size;
    CAPTURE(n);
    CHECK(std::abs(deviation_of_chi_square(statistic, (size - 1) * (size - 1))) < kFar);
  }
}

TEST_CASE("two numbers come to every two places") {
  const uint64_t n = 24, trials = 60000;
  for (const auto& pair : {std::pair<uint64_t, uint64_t>{0, 1}, {0, 4}, {3, 23}, {5, 6}}) {
    const uint64_t a = pair.first, b = pair.second;
    std::vector<uint64_t> observed;
    std::map<std::pair<uint64_t, uint64_t>, uint64_t> found;
    for (uint64_t seed = 0; seed < trials; ++seed) {
      const Permutation permutation(n, seed, 11);
      ++found[{permutation(a), permutation(b)}];
    }
    for (const auto& [places, count] : found) observed.push_back(count);
    const double cells = static_cast<double>(n * (n - 1));
    CAPTURE(a);
    CAPTURE(b);
    REQUIRE(observed.size() == n * (n - 1));
    CHECK(std::abs(deviation_of_chi_square(
              chi_square(observed, static_cast<double>(trials) / cells), cells - 1)) < kFar);
  }
}

TEST_CASE("fixed points, cycles, parity, neighbours, inversions") {
  for (const uint64_t n : {12, 17, 64, 121, 1000}) {
    const uint64_t trials = 6000;
    uint64_t fixed = 0, cycle_count = 0, even = 0, neighbours = 0, inverted = 0;
    for (uint64_t seed = 0; seed < trials; ++seed) {
      const auto p = images(n, seed, 1);
      for (uint64_t i = 0; i < n; ++i) fixed += p[i] == i;
      for (uint64_t i = 1; i < n; ++i) neighbours += p[i] + 1 == p[i - 1] || p[i - 1] + 1 == p[i];
      const uint64_t c = cycles(p);
      cycle_count += c;
      even += (n - c) % 2 == 0;
      inverted += inversions(p);
    }
    const auto size = static_cast<double>(n), times = static_cast<double>(trials);
    double harmonic = 0, harmonic_squares = 0;
    for (uint64_t i = 1; i <= n; ++i) {
      harmonic += 1 / static_cast<double>(i);
      harmonic_squares += 1 / static_cast<double>(i * i);
    }
    CAPTURE(n);
    CHECK(std::abs(deviation(fixed, times, 1, 1)) < kFar);
    CHECK(std::abs(deviation(cycle_count, times, harmonic, harmonic - harmonic_squares)) < kFar);
    CHECK(std::abs(deviation(even, times, 0.5, 0.25)) < kFar);
    CHECK(std::abs(deviation(neighbours, times, 2 - 2 / size, 2)) < kFar);
    CHECK(std::abs(deviation(inverted, times, size * (size - 1) / 4,
                             size * (size - 1) * (2 * size + 5) / 72)) < kFar);
  }
}

TEST_CASE("large orders: no correlation with the place, with a neighbour or within the grid") {
  for (const uint64_t n : {65536u, 100003u, 300000u}) {
    const auto p = images(n, 42);
    std::vector<uint64_t> identity(n);
    std::iota(identity.begin(), identity.end(), 0);
    CAPTURE(n);
    CHECK(std::abs(correlation(p, identity, 0)) < kFar);
    for (const size_t lag : {1, 2, 3, 128, 255, 256, 257, 391, 512, 1172}) {
      CAPTURE(lag);
      CHECK(std::abs(correlation(p, p, lag)) < kFar);
      // Where a place and the one behind it go, in 16 parts each.
      std::vector<uint64_t> parts(256);
      for (size_t i = 0; i < n; ++i) ++parts[p[i] * 16 / n * 16 + p[(i + lag) % n] * 16 / n];
      CHECK(deviation_of_chi_square(chi_square(parts, static_cast<double>(n) / 256), 225) < kFar);
      // How far apart they are.
      std::vector<uint64_t> distances(64);
      for (size_t i = 0; i < n; ++i) ++distances[(p[(i + lag) % n] + n - p[i]) % n * 64 / n];
      CHECK(deviation_of_chi_square(chi_square(distances, static_cast<double>(n) / 64), 63) < kFar);
    }
    // The lowest bits of places and images.
    std::vector<uint64_t> low(256);
    for (size_t i = 0; i < n; ++i) ++low[i % 16 * 16 + p[i] % 16];
    CHECK(deviation_of_chi_square(chi_square(low, static_cast<double>(n) / 256), 225) < kFar);
  }
}

TEST_CASE("seeds, epochs and sizes beside each other have nothing to do with each other") {
  const uint64_t n = 5000, trials = 400;
  uint64_t by_seed = 0, by_epoch = 0, by_swap = 0, by_bit = 0, by_size = 0;
  double farthest = 0;
  for (uint64_t i = 1; i <= trials; ++i) {
    const auto p = images(n, i, 2 * i);
    const auto seed = images(n, i + 1, 2 * i), epoch = images(n, i, 2 * i + 1);
    const auto swap = images(n, 2 * i, i), bit = images(n, i ^ uint64_t{1} << 63, 2 * i);
    const auto size = images(n + 1, i, 2 * i);
    by_seed += agreements(p, seed);
    by_epoch += agreements(p, epoch);
    by_swap += agreements(p, swap);
    by_bit += agreements(p, bit);
    by_size += agreements(p, size);
    for (const auto& other : {seed, epoch, swap, bit}) {
      farthest = std::max(farthest, std::abs(correlation(p, other, 0)));
    }
  }
  const auto times = static_cast<double>(trials);
  for (const uint64_t agreed : {by_seed, by_epoch, by_swap, by_bit, by_size}) {
    CHECK(std::abs(deviation(agreed, times, 1, 1)) < kFar);
  }
  CHECK(farthest < kFar + 1);  // the farthest of 1600
}
