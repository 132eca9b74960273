#include "file/row_group.h"

#include <algorithm>
#include <cstring>

#include "file/bytes.h"
#include "table/options.h"
#include "term/wire.h"

namespace partita {

const char* DecodedGroup::Decode(absl::string_view bytes, uint32_t keypos, uint64_t hash_seed) {
  has_opaque_ = false;
  rows_.clear();
  uint32_t count;
  uint32_t arity;
  uint32_t columns;
  if (!TakeNumber(&bytes, &count) || !TakeNumber(&bytes, &arity) || !TakeNumber(&bytes, &columns))
    return "it ends in its head";
  if (count == 0 || count > kMaxGroupRows) return "its number of rows is out of range";
  if (arity > kMaxArity || columns > kMaxGroupColumns) return "its number of columns is out of range";
  arities_.assign(count, arity);
  if (arity == 0) {
    for (uint32_t& own : arities_) {
      uint16_t number;
      if (!TakeNumber(&bytes, &number)) return "it ends in its arities";
      own = number;
    }
  }
  const auto [least, most] = std::minmax_element(arities_.begin(), arities_.end());
  if (*least <= keypos) return "a row has no key";
  if (columns != std::min(*most, kMaxGroupColumns)) return "its number of columns is not that of its longest row";
  // Before room is made for values: those beyond the columns take a byte each at least.
  first_.resize(count);
  size_t values = 0;
  size_t beyond = 0;
  for (uint32_t i = 0; i < count; ++i) {
    first_[i] = values;
    values += arities_[i];
    beyond += arities_[i] > kMaxColumns ? arities_[i] - kMaxColumns : 0;
  }
  if (beyond > bytes.size()) return "its rows are longer than their elements";
  if (count > 1 && beyond > kGroupBytes) return "its rows have too many elements for one group";
  values_.assign(values, Value::None());
  for (uint32_t c = 0; c < columns; ++c) {
    if (const char* wrong = DecodeColumn(c, &bytes); wrong != nullptr) return wrong;
  }
  if (!bytes.empty()) return "it goes on after its last column";
  rows_.resize(count);
  for (uint32_t i = 0; i < count; ++i) {
    const Value& key = *ValueAt(i, keypos);
    if (key.has_opaque()) return "a key holds a pickled object";
    rows_[i] = RowView{&values_[first_[i]], arities_[i], HashValue(key, hash_seed)};
  }
  return nullptr;
}

const char* DecodedGroup::DecodeColumn(uint32_t column, absl::string_view* bytes) {
  constexpr const char* kEndsEarly = "a column ends early";
  const uint32_t count = static_cast<uint32_t>(arities_.size());
  present_.clear();
  if (column == kRestColumn) {
    for (uint32_t i = 0; i < count; ++i) {
      if (arities_[i] > kMaxColumns) present_.push_back(i);
    }
    return DecodeTerms(column, present_, bytes);
  }
  uint8_t kind;
  if (!TakeNumber(bytes, &kind)) return kEndsEarly;
  if (kind == static_cast<uint8_t>(GroupColumn::kNone)) return nullptr;
  uint8_t holes;
  if (!TakeNumber(bytes, &holes)) return kEndsEarly;
  if (holes > 1) return "a column says neither that it has holes nor that it has none";
  absl::string_view bitmap;
  if (holes == 1 && !TakeBytes(bytes, (count + 7) / 8, &bitmap)) return kEndsEarly;
  for (uint32_t i = 0; i < count; ++i) {
    if (holes == 1 && (static_cast<uint8_t>(bitmap[i / 8]) >> (i % 8) & 1) == 0) continue;
    if (arities_[i] <= column) {
      if (holes == 1) return "a row has a value past its end";
      continue;
    }
    present_.push_back(i);
  }
  switch (static_cast<GroupColumn>(kind)) {
    case GroupColumn::kInt:
    case GroupColumn::kFloat: {
      absl::string_view numbers;
      if (!TakeBytes(bytes, present_.size() * sizeof(int64_t), &numbers)) return kEndsEarly;
      for (size_t k = 0; k < present_.size(); ++k) {
        int64_t number;
        std::memcpy(&number, numbers.data() + k * sizeof(number), sizeof(number));
        Value v = Value::Int(number);
        if (kind == static_cast<uint8_t>(GroupColumn::kFloat)) v.kind = Value::Kind::kFloat;
        *ValueAt(present_[k], column) = v;
      }
      return nullptr;
    }
    case GroupColumn::kAsciiStr:
      return DecodeStrings(column, /*ascii=*/true, present_, bytes);
    case GroupColumn::kStr:
      return DecodeStrings(column, /*ascii=*/false, present_, bytes);
    case GroupColumn::kTerm:
      return DecodeTerms(column, present_, bytes);
    case GroupColumn::kNone:
      break;
  }
  return "a column is of an unknown kind";
}

const char* DecodedGroup::DecodeStrings(uint32_t column, bool ascii, absl::Span<const uint32_t> present,
                                        absl::string_view* bytes) {
  absl::string_view sizes;
  if (!TakeBytes(bytes, present.size() * sizeof(uint32_t), &sizes)) return "the sizes of strings end early";
  for (const uint32_t row : present) {
    uint32_t size = 0;
    TakeNumber(&sizes, &size);
    absl::string_view text;
    if (size > kMaxTermSize - wire::kLongHeader || !TakeBytes(bytes, size, &text)) return "strings end early";
    uint32_t code_points;
    bool all_ascii;
    if (!wire::ValidateUtf8(text, &code_points, &all_ascii)) return "a string is not UTF-8";
    if (ascii && !all_ascii) return "a string is not ASCII where all are";
    *ValueAt(row, column) = Value::Str(text.data(), size, all_ascii);
  }
  return nullptr;
}

// One term a row, or in the last column those beyond all others.
const char* DecodedGroup::DecodeTerms(uint32_t column, absl::Span<const uint32_t> present, absl::string_view* bytes) {
  absl::string_view sizes;
  if (!TakeBytes(bytes, present.size() * sizeof(uint32_t), &sizes)) return "the sizes of terms end early";
  for (const uint32_t row : present) {
    uint32_t size = 0;
    TakeNumber(&sizes, &size);
    absl::string_view wires;
    if (!TakeBytes(bytes, size, &wires)) return "terms end early";
    const uint32_t end = column == kRestColumn ? arities_[row] : column + 1;
    for (uint32_t position = column; position < end; ++position) {
      uint8_t flags;
      const char* next = wire::ValidateTerm(wires.data(), wires.data() + wires.size(), &flags);
      if (next == nullptr) return "a term is malformed";
      const size_t length = static_cast<size_t>(next - wires.data());
      const Value v = ValueFromWire(wires.substr(0, length));
      has_opaque_ |= v.has_opaque();
      *ValueAt(row, position) = v;
      wires.remove_prefix(length);
    }
    if (!wires.empty()) return "a term is followed by something else";
  }
  return nullptr;
}

}  // namespace partita
