// Numbers in the order of the network. C++23 has std::byteswap.

#ifndef PARTITA_ERLANG_BIG_ENDIAN_H_
#define PARTITA_ERLANG_BIG_ENDIAN_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace partita::erlang {

// An unsigned number of `sizeof(T)` bytes.
template <typename T>
T LoadBig(const char* p) {
  T number = 0;
  for (size_t i = 0; i < sizeof(T); ++i) number = static_cast<T>(number << 8 | static_cast<uint8_t>(p[i]));
  return number;
}
template <>
inline uint8_t LoadBig<uint8_t>(const char* p) {
  return static_cast<uint8_t>(*p);
}

template <typename T>
void StoreBig(T number, char* p) {
  for (size_t i = 0; i < sizeof(T); ++i) p[i] = static_cast<char>(number >> 8 * (sizeof(T) - 1 - i));
}

template <typename T>
void AppendBig(T number, std::string* out) {
  char bytes[sizeof(T)];
  StoreBig(number, bytes);
  out->append(bytes, sizeof(T));
}

}  // namespace partita::erlang

#endif  // PARTITA_ERLANG_BIG_ENDIAN_H_
