// The outcome of a call that may fail in words: absl::Status in little. That one cannot be linked into an extension
// from Debian's static archives (its payloads bring in absl::Cord, which is not compiled position-independent), and
// needing a shared library beside the extension is what we avoid.

#ifndef PARTITA_BASE_STATUS_H_
#define PARTITA_BASE_STATUS_H_

#include <cassert>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace partita {

enum class StatusCode : uint8_t { kOk, kInvalidArgument, kUnimplemented, kResourceExhausted, kInternal };

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }
  std::string ToString() const { return ok() ? "OK" : message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

inline Status OkStatus() { return Status(); }
inline Status InvalidArgumentError(std::string message) {
  return Status(StatusCode::kInvalidArgument, std::move(message));
}
inline Status UnimplementedError(std::string message) { return Status(StatusCode::kUnimplemented, std::move(message)); }
inline Status ResourceExhaustedError(std::string message) {
  return Status(StatusCode::kResourceExhausted, std::move(message));
}
inline Status InternalError(std::string message) { return Status(StatusCode::kInternal, std::move(message)); }

// A value, or why there is none.
template <typename T>
class [[nodiscard]] StatusOr {
 public:
  // NOLINTBEGIN(google-explicit-constructor): made from what a function returns, as absl's is.
  StatusOr(Status status) : status_(std::move(status)) { assert(!status_.ok()); }
  template <typename U>
    requires std::convertible_to<U, T>
  StatusOr(U&& value) : value_(std::forward<U>(value)) {}
  // NOLINTEND(google-explicit-constructor)

  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  // NOLINTBEGIN(bugprone-unchecked-optional-access): for callers who asked ok()
  T& value() { return *value_; }
  T& operator*() { return *value_; }
  T* operator->() { return &*value_; }
  // NOLINTEND(bugprone-unchecked-optional-access)

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace partita

#endif  // PARTITA_BASE_STATUS_H_
