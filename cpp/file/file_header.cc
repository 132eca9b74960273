#include "file/file_header.h"

#include <algorithm>
#include <cstring>

#include "file/bytes.h"
#include "file/stored_block.h"
#include "term/wire.h"

namespace partita {
namespace {

// A byte that is no text, the name, and line ends that a transfer as text would change.
constexpr absl::string_view kMagic("\x89PTA\r\n\x1A\n", 8);
constexpr uint32_t kVersion = 1;

// What stands in the header between its start and the names of the fields. Files keep it.
struct FixedPart {
  uint8_t type;
  uint8_t has_fields;
  uint16_t zero;
  uint32_t keypos;
  uint64_t id[2];
  uint64_t generation;
  uint64_t first_lsn;
  uint64_t salt;
  uint32_t field_count;
};
constexpr size_t kFixedSize = 52;

HeaderVerdict Wrong(const char* what) { return HeaderVerdict{what, false}; }
HeaderVerdict Foreign(const char* what) { return HeaderVerdict{what, true}; }

}  // namespace

std::string EncodeHeader(const FileHeader& header) {
  std::string out(kMagic);
  PutNumber(kVersion, &out);
  PutNumber(uint32_t{0}, &out);  // the size, set below
  FixedPart fixed{};
  fixed.type = static_cast<uint8_t>(header.type);
  fixed.has_fields = header.fields.has_value() ? 1 : 0;
  fixed.keypos = header.keypos;
  std::copy(std::begin(header.id), std::end(header.id), std::begin(fixed.id));
  fixed.generation = header.generation;
  fixed.first_lsn = header.first_lsn;
  fixed.salt = header.salt;
  fixed.field_count = header.fields.has_value() ? static_cast<uint32_t>(header.fields->size()) : 0;
  out.append(reinterpret_cast<const char*>(&fixed), kFixedSize);
  if (header.fields.has_value()) {
    for (const std::string& field : *header.fields) {
      PutNumber(static_cast<uint32_t>(field.size()), &out);
      out += field;
    }
  }
  out.append((kBlockAlignment - out.size() % kBlockAlignment) % kBlockAlignment, '\0');
  const uint32_t size = static_cast<uint32_t>(out.size() + kChecksumSize);
  std::memcpy(out.data() + kMagic.size() + sizeof(kVersion), &size, sizeof(size));
  PutNumber(Checksum(out, 0), &out);
  return out;
}

HeaderVerdict ReadHeaderStart(absl::string_view bytes, uint64_t file_size, uint64_t* header_size) {
  if (bytes.substr(0, kMagic.size()) != kMagic) {
    return Foreign(kMagic.substr(0, bytes.size()) == bytes ? "it is empty, or cut in its first bytes"
                                                           : "it does not begin as one");
  }
  bytes.remove_prefix(kMagic.size());
  uint32_t version;
  uint32_t size;
  if (!TakeNumber(&bytes, &version) || !TakeNumber(&bytes, &size)) return Wrong("the file ends in its header");
  if (version != kVersion) return Foreign("it is of a version that this partita does not know");
  if (size < kHeaderStartSize + kFixedSize + kChecksumSize || size % kBlockAlignment != 0) {
    return Wrong("the header's size is out of range");
  }
  if (size > file_size) return Wrong("the file ends in its header");
  *header_size = size;
  return HeaderVerdict();
}

HeaderVerdict DecodeHeader(absl::string_view bytes, FileHeader* header) {
  absl::string_view checksum_bytes = bytes.substr(bytes.size() - kChecksumSize);
  bytes.remove_suffix(kChecksumSize);
  uint64_t checksum = 0;
  TakeNumber(&checksum_bytes, &checksum);
  if (checksum != Checksum(bytes, 0)) return Wrong("the checksum of the header is wrong");
  FixedPart fixed{};
  std::memcpy(&fixed, bytes.data() + kHeaderStartSize, kFixedSize);
  bytes.remove_prefix(kHeaderStartSize + kFixedSize);
  if (fixed.type > static_cast<uint8_t>(TableType::kDuplicateBag) || fixed.has_fields > 1 || fixed.zero != 0 ||
      fixed.keypos >= kMaxArity || fixed.field_count > kMaxArity) {
    return Wrong("the header holds a number that is out of range");
  }
  header->type = static_cast<TableType>(fixed.type);
  header->keypos = fixed.keypos;
  std::copy(std::begin(fixed.id), std::end(fixed.id), std::begin(header->id));
  header->generation = fixed.generation;
  header->first_lsn = fixed.first_lsn;
  header->salt = fixed.salt;
  header->fields.reset();
  if (fixed.has_fields == 1) {
    header->fields.emplace();
    for (uint32_t i = 0; i < fixed.field_count; ++i) {
      uint32_t size;
      uint32_t code_points;
      bool ascii;
      if (!TakeNumber(&bytes, &size) || size > bytes.size() ||
          !wire::ValidateUtf8(bytes.substr(0, size), &code_points, &ascii)) {
        return Wrong("the names of the fields are malformed");
      }
      header->fields->emplace_back(bytes.substr(0, size));
      bytes.remove_prefix(size);
    }
    if (fixed.field_count <= fixed.keypos) return Wrong("the names of the fields end before the key's");
  }
  if (bytes.size() >= kBlockAlignment || std::any_of(bytes.begin(), bytes.end(), [](char c) { return c != '\0'; })) {
    return Wrong("the header goes on after its end");
  }
  return HeaderVerdict();
}

}  // namespace partita
