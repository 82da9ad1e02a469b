// Threads: how many this process may use.
#pragma once

namespace headrace {

// What affinity and, on Linux, the cgroup's quota allow; at least 1.
int available_threads();

}  // namespace headrace
