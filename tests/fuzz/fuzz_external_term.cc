// Bytes that nobody vouches for as Erlang's external terms: they are refused, or they make a valid term, which can be
// written again and read as the same.
//
// The first byte of the input chooses the options of reading. Build with clang, -fsanitize=fuzzer,address.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "erlang/tags.h"
#include "erlang/term_reader.h"
#include "erlang/term_writer.h"
#include "require.h"
#include "term/value.h"
#include "term/wire.h"
#include "term/wire_writer.h"

namespace partita::erlang {
namespace {

ReadOptions OptionsOf(uint8_t byte) {
  ReadOptions options;
  options.binaries = static_cast<Binaries>(byte % 3);
  options.maps = static_cast<Maps>(byte / 3 % 2);
  options.skip_foreign = byte / 6 % 2 == 1;
  return options;
}

bool IsCompressed(absl::string_view bytes) { return bytes.size() > 1 && static_cast<uint8_t>(bytes[1]) == kCompressed; }

void CheckProblem(const ReadProblem& problem, absl::string_view bytes) {
  Require(!problem.message.empty(), "a refusal says why");
  Require(problem.offset <= bytes.size(), "a refusal says where");
}

void CheckRow(absl::string_view bytes, const ReadOptions& options, bool is_term, const Value& term) {
  RowsRead rows;
  ReadProblem problem;
  bool is_row = false;
  const bool ok = rows.Add(bytes, options, &is_row, &problem);
  if (!ok) CheckProblem(problem, bytes);
  if (!ok || !is_row) return Require(!is_row || !is_term, "a tuple that is read alone is read as a row");
  rows.Finish();
  for (const Value& v : rows.row(0)) {
    std::string wire;
    AppendWire(v, &wire);
    Require(ValidateWire(wire), "elements of a row are valid");
  }
  if (!is_term) return;  // nested deeper by one
  const wire::Container tuple = wire::ReadContainer(term.data);
  Require(tuple.count == rows.row(0).size(), "a row has the elements of its tuple");
  const char* p = tuple.body;
  for (const Value& v : rows.row(0)) {
    Value element;
    p = wire::ReadTerm(p, &element);
    Require(ExactlyEqual(v, element), "a row is its tuple");
  }
}

void CheckTerm(absl::string_view bytes, const ReadOptions& options) {
  WireWriter out;
  ReadProblem problem;
  if (!ReadTerm(bytes, options, &out, &problem)) {
    CheckProblem(problem, bytes);
    return CheckRow(bytes, options, false, Value());
  }
  Require(ValidateWire(out.bytes()), "what is read is a valid term");
  Require(IsCompressed(bytes) || out.size() <= 8 * bytes.size(), "what is read is a small multiple of the bytes");
  const Value term = ValueFromWire(out.bytes());
  CheckRow(bytes, options, true, term);

  std::string written;
  NoForm why;
  Require(AppendTerm(term, &written, &why), "what Erlang wrote has an Erlang form");
  for (const std::string& again : {written, CompressTerm(written, 1)}) {
    WireWriter same;
    Require(ReadTerm(again, options, &same, &problem), "what is written is read");
    Require(ExactlyEqual(ValueFromWire(same.bytes()), term), "what is written is the same term");
  }
}

}  // namespace
}  // namespace partita::erlang

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  partita::erlang::CheckTerm(absl::string_view(reinterpret_cast<const char*>(data + 1), size - 1),
                             partita::erlang::OptionsOf(data[0]));
  return 0;
}
