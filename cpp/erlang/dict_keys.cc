#include "erlang/dict_keys.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "term/value.h"
#include "term/wire.h"

namespace partita::erlang {
namespace {

// The int that a float with no fraction is.
void AppendWholeFloat(double f, std::string* out) {
  constexpr double kInt64End = 9223372036854775808.0;  // 2**63
  if (f >= -kInt64End && f < kInt64End) return AppendWire(Value::Int(static_cast<int64_t>(f)), out);
  int exponent;
  const double fraction = std::frexp(std::fabs(f), &exponent);  // f = fraction * 2**exponent
  const uint64_t mantissa = static_cast<uint64_t>(std::ldexp(fraction, 53));
  const int shift = exponent - 53;
  std::string magnitude(static_cast<size_t>(shift / 8), '\0');
  const unsigned __int128 shifted = static_cast<unsigned __int128>(mantissa) << shift % 8;
  for (unsigned __int128 rest = shifted; rest != 0; rest >>= 8) magnitude.push_back(static_cast<char>(rest & 0xFF));
  out->push_back(static_cast<char>(f < 0 ? wire::kBigNegative : wire::kBigPositive));
  char size[sizeof(uint32_t)];
  wire::Store(size, static_cast<uint32_t>(magnitude.size()));
  out->append(size, sizeof(size));
  *out += magnitude;
}

// Appends the term at `p` such that terms which Python finds equal give the same bytes; its end.
const char* AppendForm(const char* p, std::string* out) {
  Value v;
  const char* end = wire::ReadTerm(p, &v);
  bool b;
  if (v.kind == Value::Kind::kFloat && std::trunc(v.f) == v.f) {
    AppendWholeFloat(v.f, out);
  } else if (IsBool(v, &b)) {
    AppendWire(Value::Int(b ? 1 : 0), out);
  } else if (wire::IsContainer(wire::TagAt(p))) {  // a tuple: nothing else is hashed
    const wire::Container c = wire::ReadContainer(p);
    out->push_back(static_cast<char>(wire::kContainer));
    AppendWire(Value::Int(c.count), out);
    const char* element = c.body;
    for (uint32_t i = 0; i < c.count; ++i) element = AppendForm(element, out);
  } else {
    out->append(p, static_cast<size_t>(end - p));
  }
  return end;
}

}  // namespace

bool KeysMeetInDict(const char* p, uint32_t count) {
  std::string forms;
  std::vector<absl::string_view> keys(count);
  std::vector<size_t> ends(count);
  for (size_t& end : ends) {
    p = wire::SkipTerm(AppendForm(p, &forms));
    end = forms.size();
  }
  size_t start = 0;
  for (uint32_t i = 0; i < count; ++i) {
    keys[i] = absl::string_view(forms).substr(start, ends[i] - start);
    start = ends[i];
  }
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

}  // namespace partita::erlang
