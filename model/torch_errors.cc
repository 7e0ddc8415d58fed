#include "model/torch_errors.h"

#include <new>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/torch.h"

namespace magnet {
namespace {

bool IsOutOfMemory(const c10::Error& error) {
  // The CPU allocator has no exception type of its own.
  return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
         absl::StrContains(error.what_without_backtrace(), "can't allocate memory");
}

}  // namespace

absl::Status CatchTorchErrors(const std::string& what, const std::function<absl::Status()>& body) {
  try {
    return body();
  } catch (const c10::Error& error) {
    const std::string message =
        absl::StrCat(std::string(what), ": ", error.what_without_backtrace());
    return IsOutOfMemory(error) ? absl::ResourceExhaustedError(message)
                                : absl::InternalError(message);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(std::string(what), ": out of memory"));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat(std::string(what), ": ", error.what()));
  }
}

std::string MessageOf(const std::exception& error) {
  const auto* const torch_error = dynamic_cast<const c10::Error*>(&error);
  return torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
}

}  // namespace magnet
