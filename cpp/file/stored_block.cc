#include "file/stored_block.h"

#include <lz4.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "file/bytes.h"

namespace partita {
namespace {

// Compressed content is kept if it is at least an eighth smaller.
bool Pays(uint64_t raw, uint64_t stored) {
  return stored <= raw - raw / 8 && (raw <= kFreelyExpanded || raw / kMostExpansion <= stored);
}

template <typename T>
void PutAt(char* p, T number) {
  std::memcpy(p, &number, sizeof(number));
}

// A block in the wrong place of the right file, or in the right place of another, does not check out.
uint64_t SeedOf(uint64_t salt, uint64_t number) { return salt + number * 0x9E3779B97F4A7C15; }

}  // namespace

uint64_t Checksum(absl::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::string StoreBlock(BlockKind kind, absl::string_view content) {
  std::string block(kBlockHeadSize, '\0');
  BlockCodec codec = BlockCodec::kNone;
  uint64_t stored = content.size();
  if (kind == BlockKind::kRows && content.size() <= LZ4_MAX_INPUT_SIZE) {
    const int bound = LZ4_compressBound(static_cast<int>(content.size()));
    block.resize(kBlockHeadSize + static_cast<size_t>(bound));
    const int size =
        LZ4_compress_default(content.data(), block.data() + kBlockHeadSize, static_cast<int>(content.size()), bound);
    if (size > 0 && Pays(content.size(), static_cast<uint64_t>(size))) {
      codec = BlockCodec::kLz4;
      stored = static_cast<uint64_t>(size);
    }
  }
  block.resize(kBlockHeadSize + (codec == BlockCodec::kLz4 ? stored : 0));
  if (codec == BlockCodec::kNone) block.append(content.data(), content.size());
  PutAt(block.data(), kind);
  PutAt(block.data() + 4, codec);
  PutAt(block.data() + 8, static_cast<uint64_t>(content.size()));
  PutAt(block.data() + 16, stored);
  return block;
}

std::string BlockTail(absl::string_view block, uint64_t salt, uint64_t number) {
  std::string tail((kBlockAlignment - block.size() % kBlockAlignment) % kBlockAlignment, '\0');
  const uint64_t checksum = Checksum(block, SeedOf(salt, number));
  tail.append(reinterpret_cast<const char*>(&checksum), sizeof(checksum));
  return tail;
}

const char* ReadBlockHead(absl::string_view bytes, uint64_t left, BlockHead* head) {
  if (bytes.size() < kBlockHeadSize) return "the file ends in the head of a block";
  head->kind = NumberAt<BlockKind>(bytes.data());
  head->codec = NumberAt<BlockCodec>(bytes.data() + 4);
  head->raw_size = NumberAt<uint64_t>(bytes.data() + 8);
  head->stored_size = NumberAt<uint64_t>(bytes.data() + 16);
  if (head->kind != BlockKind::kRows && head->kind != BlockKind::kEnd) return "there is no block here";
  if (head->stored_size > left || BlockRest(*head) > left) return "the file ends in a block";
  if (head->codec == BlockCodec::kNone) {
    return head->raw_size == head->stored_size ? nullptr : "a block's two sizes differ, but it is not compressed";
  }
  if (head->codec != BlockCodec::kLz4) return "a block is compressed in an unknown way";
  if (head->raw_size > LZ4_MAX_INPUT_SIZE || head->stored_size > LZ4_MAX_INPUT_SIZE ||
      !Pays(head->raw_size, head->stored_size)) {
    return "a block's sizes are out of range";
  }
  return nullptr;
}

const char* ReadBlock(absl::string_view block, const BlockHead& head, uint64_t salt, uint64_t number,
                      std::string* space, absl::string_view* content) {
  const absl::string_view covered = block.substr(0, kBlockHeadSize + head.stored_size);
  if (NumberAt<uint64_t>(block.data() + block.size() - kChecksumSize) != Checksum(covered, SeedOf(salt, number))) {
    return "the checksum of a block is wrong";
  }
  const absl::string_view padding = block.substr(covered.size(), block.size() - covered.size() - kChecksumSize);
  if (std::any_of(padding.begin(), padding.end(), [](char c) { return c != '\0'; })) {
    return "there is something between a block and its checksum";
  }
  *content = covered.substr(kBlockHeadSize);
  if (head.codec == BlockCodec::kNone) return nullptr;
  space->resize(head.raw_size);
  const int size = LZ4_decompress_safe(content->data(), space->data(), static_cast<int>(content->size()),
                                       static_cast<int>(space->size()));
  if (size < 0 || static_cast<uint64_t>(size) != head.raw_size) return "a block does not decompress";
  *content = *space;
  return nullptr;
}

}  // namespace partita
