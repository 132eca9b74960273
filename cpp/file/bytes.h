// Numbers and bytes one after the other, as files hold them: little-endian, nothing aligned.

#ifndef PARTITA_FILE_BYTES_H_
#define PARTITA_FILE_BYTES_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"

namespace partita {

static_assert(std::endian::native == std::endian::little, "files are read as they lie");

template <typename T>
void PutNumber(T number, std::string* out) {
  out->append(reinterpret_cast<const char*>(&number), sizeof(number));
}

template <typename T>
T NumberAt(const char* p) {
  T number;
  std::memcpy(&number, p, sizeof(number));
  return number;
}

// Both take from the front of `bytes`; false: there are too few.
template <typename T>
bool TakeNumber(absl::string_view* bytes, T* number) {
  if (bytes->size() < sizeof(T)) return false;
  *number = NumberAt<T>(bytes->data());
  bytes->remove_prefix(sizeof(T));
  return true;
}
inline bool TakeBytes(absl::string_view* bytes, uint64_t size, absl::string_view* taken) {
  if (bytes->size() < size) return false;
  *taken = bytes->substr(0, size);
  bytes->remove_prefix(size);
  return true;
}

}  // namespace partita

#endif  // PARTITA_FILE_BYTES_H_
