// Bytes that nobody vouches for as terms: they are refused, or everything that reads terms agrees on them.
//
// The input is taken for one term after the other. Each is written again from its parts, which must give the same
// bytes; neighbours are compared both ways, and what is equal must hash the same. Build with clang,
// -fsanitize=fuzzer,address.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "require.h"
#include "term/number.h"
#include "term/sort_key.h"
#include "term/value.h"
#include "term/wire.h"
#include "term/wire_writer.h"

namespace partita {
namespace {

const char* Rewrite(const char* p, WireWriter* writer);

void RewriteContainer(const char* p, WireWriter* writer) {
  const wire::Container c = wire::ReadContainer(p);
  const WireWriter::Mark mark = writer->Begin();
  const bool is_map = c.kind == wire::ContainerKind::kMap;
  const char* element = c.body;
  for (uint32_t i = 0; i < c.count; ++i) {
    element = Rewrite(element, writer);
    if (is_map) element = Rewrite(element, writer);
  }
  switch (c.kind) {
    case wire::ContainerKind::kTuple:
      return writer->EndTuple(mark, c.count);
    case wire::ContainerKind::kList:
      return writer->EndList(mark, c.count);
    case wire::ContainerKind::kMap:
      return Require(writer->EndMap(mark, c.count).ok, "keys of a valid map differ");
    case wire::ContainerKind::kSet:
    case wire::ContainerKind::kFrozenset:
      return Require(writer->EndSet(mark, c.count, c.kind == wire::ContainerKind::kFrozenset).ok,
                     "elements of a valid set differ");
  }
}

// Adds the term at `p` from its parts; its end.
const char* Rewrite(const char* p, WireWriter* writer) {
  const uint8_t tag = wire::TagAt(p);
  Value v;
  const char* end = wire::ReadTerm(p, &v);
  if (wire::IsContainer(tag)) {
    RewriteContainer(p, writer);
  } else if (tag >= wire::kDatetime && tag < wire::kTime) {
    writer->AddDatetime(wire::ReadMoment(p));
  } else if (tag >= wire::kTime && tag < wire::kBytesShort) {
    writer->AddTime(wire::ReadMoment(p));
  } else if (tag == wire::kDecimal) {
    const wire::DecimalParts d = wire::ReadDecimal(p);
    std::string digits;
    for (uint32_t i = 0; i < d.digit_count; ++i) digits += static_cast<char>('0' + d.digit(i));
    writer->AddDecimal(d, digits);
  } else if (tag == wire::kAtom) {
    writer->AddAtom(wire::AtomText(p));
  } else {
    writer->AddValue(v);
  }
  return end;
}

void CheckOne(absl::string_view bytes) {
  Require(ValidateWire(bytes), "a term that was found alone is valid");
  const Value v = ValueFromWire(bytes);
  Require(WireSize(v) == bytes.size(), "size");
  std::string copy;
  AppendWire(v, &copy);
  Require(copy == bytes, "written as it was read");
  WireWriter writer;
  Rewrite(bytes.data(), &writer);
  Require(writer.bytes() == bytes, "one form for a term");
  if (const std::optional<BigInt> big = BigInt::FromValue(v)) {
    const std::optional<Value> same = big->ToValue([&copy](size_t size) {
      copy.assign(size, '\0');
      return copy.data();
    });
    Require(same && ExactlyEqual(*same, v), "an int survives BigInt");
  }
}

void CheckTwo(const Value& a, const Value& b) {
  const int exact = CompareExact(a, b);
  const int numeric = CompareNumeric(a, b);
  const auto sign = [](int order) { return (order > 0) - (order < 0); };
  Require(sign(exact) == -sign(CompareExact(b, a)), "exact order is antisymmetric");
  Require(sign(numeric) == -sign(CompareNumeric(b, a)), "numeric order is antisymmetric");
  Require(ExactlyEqual(a, b) == (exact == 0), "equality is order");
  if (exact == 0) Require(HashValue(a, 7) == HashValue(b, 7), "equal terms hash the same");
  if (exact == 0) Require(numeric == 0, "exactly equal terms are equal numerically");
  const int sort_keys = std::memcmp(SortKey(a).bytes(), SortKey(b).bytes(), SortKey::kSize);
  if (numeric <= 0) Require(sort_keys <= 0, "sort keys never fall");
}

}  // namespace
}  // namespace partita

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace partita;
  const char* p = reinterpret_cast<const char*>(data);
  const char* end = p + size;
  std::vector<Value> values;
  uint8_t flags;
  while (p < end) {
    const char* next = wire::ValidateTerm(p, end, &flags);
    if (next == nullptr) break;
    CheckOne(absl::string_view(p, static_cast<size_t>(next - p)));
    values.push_back(ValueFromWire(absl::string_view(p, static_cast<size_t>(next - p))));
    p = next;
  }
  for (size_t i = 0; i < values.size() && i < 8; ++i) {
    for (size_t j = 0; j < values.size() && j < 8; ++j) CheckTwo(values[i], values[j]);
  }
  return 0;
}
