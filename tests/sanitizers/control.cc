// Breaks the rule that each sanitizer checks. If a build with sanitizers passes this, its other
// tests mean nothing.
#include <cstdio>
#include <memory>
#include <thread>

int main(int argc, char** argv) {
#if defined(__SANITIZE_THREAD__)
  int counter = 0;
  std::thread other([&counter] { ++counter; });
  ++counter;
  other.join();
  std::printf("%d\n", counter);
#else
  const auto values = std::make_unique<int[]>(4);
  std::printf("%d\n", values[argc + 3]);
#endif
  return 0;
}
