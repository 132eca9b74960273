#include "testing/term.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "term/wire.h"
#include "term/wire_writer.h"

namespace partita::testing {
namespace {

Term Container(absl::Span<const Term> elements, bool tuple) {
  WireWriter writer;
  const WireWriter::Mark mark = writer.Begin();
  for (const Term& element : elements) writer.AddValue(element.view());
  if (tuple) {
    writer.EndTuple(mark, elements.size());
  } else {
    writer.EndList(mark, elements.size());
  }
  return Term::FromWire(writer.bytes());
}

}  // namespace

Term::Term(std::string text) : kind_(Value::Kind::kStr), bytes_(std::move(text)) {
  if (std::all_of(bytes_.begin(), bytes_.end(), [](char c) { return c >= 0; })) flags_ = Value::kAscii;
}

Term Term::FromValue(const Value& v) {
  Term term;
  term.kind_ = v.kind;
  term.flags_ = v.flags;
  if (v.kind == Value::Kind::kInt) term.int_ = v.i;
  if (v.kind == Value::Kind::kFloat) term.float_ = v.f;
  if (v.kind == Value::Kind::kStr || v.kind == Value::Kind::kWire) term.bytes_ = std::string(v.bytes());
  return term;
}

Term Term::Int128(__int128 i) {
  if (i >= std::numeric_limits<int64_t>::min() && i <= std::numeric_limits<int64_t>::max()) {
    return Term(static_cast<int64_t>(i));
  }
  unsigned __int128 magnitude = i < 0 ? -static_cast<unsigned __int128>(i) : static_cast<unsigned __int128>(i);
  std::string bytes;
  for (; magnitude != 0; magnitude >>= 8) bytes.push_back(static_cast<char>(magnitude & 0xFF));
  WireWriter writer;
  std::memcpy(writer.AddBigRoom(i < 0, bytes.size()), bytes.data(), bytes.size());
  return FromWire(writer.bytes());
}

Term Term::Bytes(absl::string_view bytes) {
  WireWriter writer;
  char* room = writer.AddBytesRoom(bytes.size());
  std::copy(bytes.begin(), bytes.end(), room);
  return FromWire(writer.bytes());
}

Term Term::Atom(absl::string_view text) {
  WireWriter writer;
  writer.AddAtom(text);
  return FromWire(writer.bytes());
}

Term Term::Tuple(absl::Span<const Term> elements) { return Container(elements, /*tuple=*/true); }
Term Term::List(absl::Span<const Term> elements) { return Container(elements, /*tuple=*/false); }

Value Term::view() const {
  switch (kind_) {
    case Value::Kind::kNone:
      return Value::None();
    case Value::Kind::kInt:
      return Value::Int(int_);
    case Value::Kind::kFloat:
      return Value::Float(float_);
    case Value::Kind::kStr:
      return Value::Str(bytes_.data(), static_cast<uint32_t>(bytes_.size()), (flags_ & Value::kAscii) != 0);
    case Value::Kind::kWire:
      break;
  }
  return Value::Wire(bytes_.data(), static_cast<uint32_t>(bytes_.size()), flags_);
}

std::string Term::wire() const {
  // A column may forget that a string is all ASCII (column/chunk.h): that is no difference.
  Term copy;
  if (kind_ == Value::Kind::kStr) copy = Term(bytes_);
  std::string out;
  AppendWire(kind_ == Value::Kind::kStr ? copy.view() : view(), &out);
  return out;
}

bool Term::ToInt128(__int128* out) const {
  if (kind_ == Value::Kind::kInt) {
    *out = int_;
    return true;
  }
  if (kind_ != Value::Kind::kWire) return false;
  const uint8_t tag = wire::TagAt(bytes_.data());
  if (tag != wire::kBigPositive && tag != wire::kBigNegative) return false;
  const wire::BigView big = wire::ReadBig(bytes_.data());
  if (big.size > 16 || (big.size == 16 && big.magnitude[15] >= 0x80)) return false;
  __int128 magnitude = 0;
  for (uint32_t i = big.size; i-- > 0;) magnitude = magnitude << 8 | big.magnitude[i];
  *out = big.negative ? -magnitude : magnitude;
  return true;
}

std::ostream& operator<<(std::ostream& out, const Term& term) {
  const Value v = term.view();
  switch (v.kind) {
    case Value::Kind::kNone:
      return out << "None";
    case Value::Kind::kInt:
      return out << v.i;
    case Value::Kind::kFloat:
      return out << v.f << "f";
    case Value::Kind::kStr:
      if (v.size > 40) return out << "'" << v.bytes().substr(0, 20) << "'... (" << v.size << " bytes)";
      return out << "'" << v.bytes() << "'";
    case Value::Kind::kWire:
      break;
  }
  constexpr char kHex[] = "0123456789abcdef";
  out << "wire:";
  for (const char c : v.bytes().substr(0, 24)) {
    out << kHex[static_cast<uint8_t>(c) >> 4] << kHex[static_cast<uint8_t>(c) & 15];
  }
  if (v.size > 24) out << "... (" << v.size << " bytes)";
  return out;
}

Row RowFromValues(absl::Span<const Value> values) {
  Row row;
  row.reserve(values.size());
  for (const Value& v : values) row.push_back(Term::FromValue(v));
  return row;
}

bool RowsExactlyEqual(const Row& a, const Row& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Term& x, const Term& y) { return ExactlyEqual(x.view(), y.view()); });
}

RowArgument::RowArgument(const Table& table, const Row& row) {
  values_.reserve(row.size());
  for (const Term& term : row) values_.push_back(term.view());
  view_ =
      RowView{values_.data(), static_cast<uint32_t>(values_.size()), table.HashKey(values_[table.options().keypos])};
}

RowArguments::RowArguments(const Table& table, absl::Span<const Row> rows) {
  rows_.reserve(rows.size());
  for (const Row& row : rows) {
    rows_.emplace_back(table, row);
    views_.push_back(rows_.back().view());
  }
}

std::vector<KeyView> KeyArguments(const Table& table, absl::Span<const Term> keys) {
  std::vector<KeyView> views;
  views.reserve(keys.size());
  for (const Term& key : keys) views.push_back(KeyArgument(table, key));
  return views;
}

std::vector<Row> RowsOf(const RowBuffer& buffer, size_t first) {
  std::vector<Row> rows;
  for (size_t i = first; i < buffer.size(); ++i) rows.push_back(RowFromValues(buffer.row(i)));
  return rows;
}

}  // namespace partita::testing
