// Erlang's external term format: the tags, as OTP writes them. Numbers are big-endian; a term on its own stands behind
// kVersion, and kCompressed may only come right after that.

#ifndef PARTITA_ERLANG_TAGS_H_
#define PARTITA_ERLANG_TAGS_H_

#include <cstddef>
#include <cstdint>

namespace partita::erlang {

inline constexpr uint8_t kVersion = 131;

enum Tag : uint8_t {
  kNewFloat = 70,        // 8 bytes, IEEE 754
  kBitBinary = 77,       // u32 size, u8 bits of the last byte, bytes
  kCompressed = 80,      // u32 size of what follows uncompressed, zlib's form of the rest of the term
  kNewPid = 88,          // node, u32 id, u32 serial, u32 creation
  kNewPort = 89,         // node, u32 id, u32 creation
  kNewerReference = 90,  // u16 n, node, u32 creation, n times u32
  kSmallInteger = 97,    // u8
  kInteger = 98,         // i32
  kFloat = 99,           // 31 bytes of text, filled up with zeros
  kAtomLatin1 = 100,     // u16 size, text
  kReference = 101,      // node, u32 id, u8 creation
  kPort = 102,           // node, u32 id, u8 creation
  kPid = 103,            // node, u32 id, u32 serial, u8 creation
  kSmallTuple = 104,     // u8 count, terms
  kLargeTuple = 105,     // u32 count, terms
  kNil = 106,            // the empty list
  kString = 107,         // u16 count, bytes: a list of ints below 256
  kList = 108,           // u32 count, terms, the tail
  kBinary = 109,         // u32 size, bytes
  kSmallBig = 110,       // u8 size, u8 sign, magnitude, least significant byte first
  kLargeBig = 111,       // u32 size, then as above
  kNewFun = 112,
  kExport = 113,
  kNewReference = 114,     // u16 n, node, u8 creation, n times u32
  kSmallAtomLatin1 = 115,  // u8 size, text
  kMap = 116,              // u32 count, keys and values in turn
  kFun = 117,
  kAtomUtf8 = 118,       // u16 size, text
  kSmallAtomUtf8 = 119,  // u8 size, text
  kV4Port = 120,         // node, u64 id, u32 creation
  kLocal = 121,
};

inline constexpr size_t kFloatTextSize = 31;
inline constexpr uint32_t kMaxStringCount = 0xFFFF;
inline constexpr uint32_t kMaxErlangArity = 0xFFFFFF;

}  // namespace partita::erlang

#endif  // PARTITA_ERLANG_TAGS_H_
