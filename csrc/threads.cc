#include "threads.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace headrace {
namespace {

#ifdef __linux__
// CPUs' worth of quota in cgroup v2's cpu.max ("max 100000" or "200000 100000"), rounded up; a
// large number if there is none. The limits of enclosing groups count as well.
int cgroup_quota() {
  int quota = 1 << 20;
  std::ifstream memberships("/proc/self/cgroup");
  std::string line;
  while (std::getline(memberships, line)) {
    if (line.rfind("0::", 0) != 0) continue;
    for (std::string group = line.substr(3);; group.erase(group.rfind('/'))) {
      std::ifstream limit("/sys/fs/cgroup" + (group == "/" ? "" : group) + "/cpu.max");
      double allowed, period;
      if (limit >> allowed >> period && period > 0) {
        quota = std::min(quota, static_cast<int>((allowed + period - 1) / period));
      }
      if (group.empty() || group.rfind('/') == std::string::npos) break;
    }
  }
  return quota;
}
#endif

}  // namespace

int available_threads() {
  int threads = static_cast<int>(std::thread::hardware_concurrency());
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) threads = CPU_COUNT(&set);
  threads = std::min(threads, cgroup_quota());
#endif
  return std::max(threads, 1);
}

}  // namespace headrace
