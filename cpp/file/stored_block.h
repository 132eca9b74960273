// The blocks of a snapshot file: a head, the content, compressed where that pays, and a checksum that also tells which
// block of which file it is. docs/format.md draws it.

#ifndef PARTITA_FILE_STORED_BLOCK_H_
#define PARTITA_FILE_STORED_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace partita {

enum class BlockKind : uint32_t { kRows = 0x53574F52, kEnd = 0x20444E45 };  // "ROWS", "END "
enum class BlockCodec : uint32_t { kNone = 0, kLz4 = 1 };

struct BlockHead {
  BlockKind kind = BlockKind::kEnd;
  BlockCodec codec = BlockCodec::kNone;
  uint64_t raw_size = 0;     // of the content
  uint64_t stored_size = 0;  // of the content as it is stored
};
inline constexpr size_t kBlockHeadSize = 24;
inline constexpr size_t kChecksumSize = 8;
inline constexpr size_t kBlockAlignment = 8;
// A content beyond the first of these is not compressed to less than a part of it in the second, so that no small file
// asks for much memory.
inline constexpr uint64_t kFreelyExpanded = uint64_t{16} << 20;
inline constexpr uint64_t kMostExpansion = 8;

// From the content of a block: head and stored content, without the checksum. Throws std::bad_alloc.
std::string StoreBlock(BlockKind kind, absl::string_view content);
// The number of zeros and the checksum that end a block.
std::string BlockTail(absl::string_view block, uint64_t salt, uint64_t number);

// Why the head of a block, with so many bytes of the file left after it, cannot be right; null if it can.
const char* ReadBlockHead(absl::string_view bytes, uint64_t left, BlockHead* head);
// Bytes of the block after its head.
inline uint64_t BlockRest(const BlockHead& head) {
  return (head.stored_size + kBlockAlignment - 1) / kBlockAlignment * kBlockAlignment + kChecksumSize;
}
// Checks the whole block and takes its content out; `space` is used where it was compressed. Null, or what is wrong.
// Throws std::bad_alloc.
const char* ReadBlock(absl::string_view block, const BlockHead& head, uint64_t salt, uint64_t number,
                      std::string* space, absl::string_view* content);

uint64_t Checksum(absl::string_view bytes, uint64_t seed);

}  // namespace partita

#endif  // PARTITA_FILE_STORED_BLOCK_H_
