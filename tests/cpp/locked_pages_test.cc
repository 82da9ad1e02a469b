// Page-locked memory against the driver of tests/fake_cuda.c. An executable of its own, for a
// process chooses its driver once: CMake makes one for a driver of today and one for an old one.
#include "locked_pages.h"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>

#include "buffer.h"

using namespace headrace;

namespace {

// The fake driver's own functions.
struct Gpu {
  template <class Function>
  Function* find(const char* name) {
    return reinterpret_cast<Function*>(dlsym(library, name));
  }
  void* library = dlopen(std::getenv("HEADRACE_CUDA_DRIVER"), RTLD_NOW);
  void (*use)(int) = find<void(int)>("fake_use");
  int (*copy)(int, int, void*, const void*,
              size_t) = find<int(int, int, void*, const void*, size_t)>("fake_copy");
  void (*hold)(int, int) = find<void(int, int)>("fake_hold");
  void (*wait)() = find<void()>("fake_wait");
  void (*capture)(int) = find<void(int)>("fake_capture");
  long (*count)(const char*) = find<long(const char*)>("fake_count");
  bool old() { return dlsym(library, "cuCtxRecordEvent") == nullptr; }
};

Gpu& gpu() {
  static Gpu* const instance = new Gpu;
  return *instance;
}

LockedPages& pages() { return LockedPages::of_process(); }

}  // namespace

TEST_CASE("memory is ordinary until somebody uses a GPU, and no context is made") {
  const Buffer early(1000, Pages::kLocked);
  CHECK(early.pages() == Pages::kOrdinary);
  CHECK(pages().missing() == "nothing in this process has used a GPU yet");
  gpu().use(1);
  const Buffer buffer(1000, Pages::kLocked);
  CHECK(buffer.pages() == Pages::kLocked);
  CHECK(pages().missing().empty());
  CHECK(gpu().count("contexts") == 0);
}

TEST_CASE("a buffer is registered once") {
  gpu().use(1);
  const long before = gpu().count("registrations");
  const uint8_t* first = nullptr;
  for (int i = 0; i < 10; ++i) {
    const Buffer buffer(3'000'000, Pages::kLocked);
    if (i == 0) first = buffer.data();
    CHECK(buffer.data() == first);
    CHECK(reinterpret_cast<uintptr_t>(first) % (2 << 20) == 0);
  }
  CHECK(gpu().count("registrations") == before + 1);
  CHECK(LockedPages::capacity_for(1) == 64 << 10);
  for (size_t size = 1; size < (size_t{1} << 30); size = size * 5 / 3 + 1) {
    const size_t capacity = LockedPages::capacity_for(size);
    CHECK(capacity >= size);
    CHECK(LockedPages::capacity_for(capacity) == capacity);
    CHECK(capacity % (64 << 10) == 0);
    CHECK(capacity <= std::max<size_t>(64 << 10, size + size / 4 + (2 << 20)));
  }
}

TEST_CASE("lent memory is used again when the copies from it are done, on whatever stream") {
  if (gpu().old()) return;
  for (int device = 0; device < 2; ++device) {
    gpu().use(device);
    for (int stream = 0; stream < 3; ++stream) {
      constexpr size_t kSize = 1 << 20;
      std::vector<uint8_t> target(kSize);
      Buffer buffer(kSize, Pages::kLocked);
      uint8_t* const memory = buffer.data();
      std::memset(memory, 7, kSize);
      buffer.lend(true);
      gpu().hold(stream, 1);
      REQUIRE(gpu().copy(device, stream, target.data(), memory, kSize) == 1);
      buffer = Buffer();
      std::vector<Buffer> others;
      const auto takes_it_again = [&] {
        for (int i = 0; i < 8; ++i) {
          others.emplace_back(kSize, Pages::kLocked);
          std::memset(others.back().data(), 9, kSize);
        }
        return std::any_of(others.begin(), others.end(),
                           [&](const Buffer& other) { return other.data() == memory; });
      };
      CHECK_FALSE(takes_it_again());  // not marked
      pages().mark();
      CHECK_FALSE(takes_it_again());  // the copy is held
      gpu().hold(stream, 0);
      gpu().wait();
      CHECK(takes_it_again());
      CHECK(std::all_of(target.begin(), target.end(), [](uint8_t byte) { return byte == 7; }));
    }
  }
}

TEST_CASE("memory that was not lent, or whose copies are known to be done, goes back at once") {
  gpu().use(1);
  Buffer buffer(5 << 20, Pages::kLocked);
  const uint8_t* const memory = buffer.data();
  buffer.lend(true);
  buffer.lend(false);
  buffer = Buffer();
  CHECK(Buffer(5 << 20, Pages::kLocked).data() == memory);
}

TEST_CASE("what is not asked of the whole context spoils no capture") {
  gpu().use(1);
  pages().mark();
  const long before = gpu().count("spoilt");
  gpu().capture(1);
  { const Buffer buffer(48 << 20, Pages::kLocked); }  // registers, and asks for marks
  pages().trim();                                     // unregisters
  gpu().capture(0);
  CHECK(gpu().count("spoilt") == before);
}

TEST_CASE("a mark that the driver refuses is put later") {
  if (gpu().old()) return;
  gpu().use(1);
  Buffer buffer(6 << 20, Pages::kLocked);
  const uint8_t* const memory = buffer.data();
  buffer.lend(true);
  buffer = Buffer();
  gpu().capture(1);
  pages().mark();
  gpu().capture(0);
  CHECK(Buffer(6 << 20, Pages::kLocked).data() != memory);
  pages().mark();
  const Buffer first(6 << 20, Pages::kLocked), second(6 << 20, Pages::kLocked);
  CHECK((first.data() == memory || second.data() == memory));
}

TEST_CASE("an old driver is waited for, once it is worth it") {
  if (!gpu().old()) return;
  gpu().use(1);
  constexpr size_t kSize = 32 << 20;
  const long before = gpu().count("waits");
  for (int i = 0; i < 40; ++i) {
    std::vector<uint8_t> target(100);
    Buffer buffer(kSize, Pages::kLocked);
    std::memset(buffer.data(), i, target.size());
    buffer.lend(true);
    gpu().copy(1, 0, target.data(), buffer.data(), target.size());
    buffer = Buffer();
    if (i % 9 == 8) gpu().wait();
    pages().mark();
    gpu().wait();
    CHECK(target.front() == i);
  }
  const long waits = gpu().count("waits") - before;
  CHECK(waits >= 3);
  CHECK(waits <= 8);
  CHECK(pages().stats().registered <= (size_t{400} << 20));
}

TEST_CASE("many threads take, lend and give back while copies come and go") {
  gpu().use(0);
  gpu().use(1);
  constexpr size_t kSize = 200'000;
  std::atomic<bool> wrong{false}, stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(static_cast<unsigned>(t + 1));
      std::vector<std::vector<uint8_t>> targets;
      std::vector<uint8_t> expected;
      for (int i = 0; i < 120; ++i) {
        Buffer buffer(kSize, Pages::kLocked);
        const auto value = static_cast<uint8_t>(random());
        std::memset(buffer.data(), value, kSize);
        if (random() % 4 != 0) {
          buffer.lend(true);
          expected.push_back(value);
          gpu().copy(i % 2, t, targets.emplace_back(kSize).data(), buffer.data(), kSize);
        }
        // Who waits for the GPU must not be who keeps it from working.
        if (random() % 16 == 0 && !gpu().old()) gpu().hold(t, static_cast<int>(random() % 2));
      }
      gpu().hold(t, 0);
      gpu().wait();
      for (size_t i = 0; i < targets.size(); ++i) {
        wrong = wrong || std::any_of(targets[i].begin(), targets[i].end(),
                                     [&](uint8_t byte) { return byte != expected[i]; });
      }
    });
  }
  std::thread consumer([&] {
    while (!stop) pages().mark();
  });
  for (std::thread& thread : threads) thread.join();
  stop = true;
  consumer.join();
  CHECK_FALSE(wrong);
}

TEST_CASE("a forked child has ordinary memory, and unregisters nothing") {
  gpu().use(1);
  Buffer buffer(100, Pages::kLocked);
  REQUIRE(buffer.pages() == Pages::kLocked);
  const long before = gpu().count("unregistrations");
  const pid_t child = fork();
  if (child == 0) {
    buffer = Buffer();
    const Buffer other(100, Pages::kLocked);
    std::memset(other.data(), 1, 100);
    trim_pool();
    _exit(other.pages() == Pages::kOrdinary && gpu().count("unregistrations") == before ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(Buffer(100, Pages::kLocked).pages() == Pages::kLocked);
}
