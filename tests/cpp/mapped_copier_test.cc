// Pieces of files copied from where the system has them, and what becomes of the process if they
// are not there any more.
#include "mapped_copier.h"

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <random>
#include <string>

#ifdef __linux__
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "bus_guard.h"
#include "files.h"
#include "kernels/kernels.h"

using namespace headrace;
using namespace headrace::testing;

namespace {

std::string random_text(size_t n, uint32_t seed) {
  std::mt19937 engine(seed);
  std::string text(n, '\0');
  for (char& c : text) c = static_cast<char>(engine());
  return text;
}

// What a copier has of a piece; none if it must be read.
std::optional<std::string> copied(MappedCopier& copier, const Source& source, uint64_t offset,
                                  size_t n, bool far = false) {
  std::string piece(n, '\0');
  auto* const to = reinterpret_cast<uint8_t*>(piece.data());
  const auto crc = copier.copy(source, offset, n, to, far, 7);
  if (!crc) return {};
  CHECK(*crc == kernels().crc32c(7, to, n));
  return piece;
}

}  // namespace

TEST_CASE("pieces of files that change in turn, and after much of one") {
  if (!can_copy_mapped()) return;
  const Folder folder;
  const std::string texts[] = {random_text(3'000'000, 1), random_text(2'000'001, 2)};
  const std::unique_ptr<Source> sources[] = {open_local(folder.write("a", texts[0])),
                                             open_local(folder.write("b", texts[1]))};
  std::mt19937 engine(3);
  MappedCopier copier;
  for (int i = 0; i < 200; ++i) {
    const size_t k = i / 50 % 2, n = engine() % 200'000, at = engine() % (texts[k].size() - n);
    CHECK(copied(copier, *sources[k], at, n, i % 2 == 0) == texts[k].substr(at, n));
  }
  CHECK_FALSE(copied(copier, *sources[0], texts[0].size() - 10, 11));
}

TEST_CASE("a file in place of another, of the same name and the same memory, is a new one") {
  if (!can_copy_mapped()) return;
  const Folder folder;
  MappedCopier copier;
  for (uint32_t i = 0; i < 5; ++i) {
    const std::string text = random_text(100'000, i);
    std::filesystem::remove(folder.path("file"));
    const auto source = open_local(folder.write("file", text));
    CHECK(copied(copier, *source, 500, 90'000) == text.substr(500, 90'000));
  }
}

TEST_CASE("what a file has lost must be read, and so must all of it from then on") {
  if (!can_copy_mapped()) return;
  const Folder folder;
  const std::string text = random_text(1'000'000, 4);
  const std::string path = folder.write("file", text);
  const auto source = open_local(path);
  MappedCopier copier;
  CHECK(copied(copier, *source, 0, 900'000) == text.substr(0, 900'000));
  std::filesystem::resize_file(path, 500'000);
  CHECK(copied(copier, *source, 0, 400'000) == text.substr(0, 400'000));
  CHECK_FALSE(copied(copier, *source, 0, 600'000));
  CHECK_FALSE(copied(copier, *source, 0, 400'000));
  const auto again = open_local(path);
  CHECK(copied(copier, *again, 0, 400'000) == text.substr(0, 400'000));
  CHECK_FALSE(copied(copier, *again, 400'000, 200'000));  // more than it had when it was opened
}

#ifdef __linux__
namespace {

constexpr int kMine = 77;

// Whether a child of this process that does this ends by a signal, or as a sanitizer ends it.
template <class Act>
bool dies(const Act& act, int* code = nullptr) {
  const pid_t child = fork();
  if (child == 0) {
    close(STDERR_FILENO);  // a sanitizer has much to say
    act();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (code != nullptr) *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

// Reads where there is nothing, without a guard.
struct Cut {
  Folder folder;
  FileView view;
  Cut() {
    const auto source = open_local(folder.write("file", std::string(50'000, 'a')));
    view = source->view();
    REQUIRE(view);
    std::filesystem::resize_file(folder.path("file"), 1);
  }
  uint8_t touch() const { return *static_cast<const volatile uint8_t*>(view.begin() + 40'000); }
};

}  // namespace

TEST_CASE("a read that has no guard ends the process as it always did") {
  if (!BusGuard::stands()) return;
  const Cut cut;
  CHECK(dies([&] { cut.touch(); }));
  CHECK(dies([&] {
    std::atomic<bool> given_up = false;
    const BusGuard guard(cut.view.begin(), 100, given_up);  // of something else
    cut.touch();
  }));
  CHECK(dies([] { raise(SIGBUS); }));
  CHECK_FALSE(dies([&] {
    std::atomic<bool> given_up = false;
    const BusGuard guard(cut.view.begin(), cut.view.size(), given_up);
    if (cut.touch() != 0 || !given_up) _exit(1);
  }));
}

TEST_CASE("in a thread that blocks the signal there are no guards") {
  if (!BusGuard::stands()) return;
  sigset_t signals, before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGBUS);
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  CHECK_FALSE(BusGuard::stands());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK(BusGuard::stands());
}

TEST_CASE("another handler of the signal, put up later, keeps it, and nothing is mapped any more") {
  if (!can_copy_mapped()) return;
  const Folder folder;
  const std::string text = random_text(100'000, 5);
  const auto source = open_local(folder.write("file", text));
  const Cut cut;
  int code = 0;
  CHECK(dies(
      [&] {
        std::signal(SIGBUS, [](int) { _exit(kMine); });
        MappedCopier copier;
        uint8_t byte;
        if (copier.copy(*source, 0, 1, &byte, false, 0)) _exit(1);
        if (BusGuard::stands()) _exit(2);
        cut.touch();
      },
      &code));
  CHECK(code == kMine);
}
#endif
