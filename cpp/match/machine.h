// Runs a program on rows, one at a time.
//
// Usual rows need no allocation: all stacks have their size from the start, and what is made lies in an arena that is
// cleared with each row. What could grow without bound fails instead: ints (arithmetic.h), terms above kMaxTermSize or
// deeper than kMaxTermDepth, all that one row makes above kMaxMade. One machine is used by one thread; the program, and
// what the rows point to, must outlive it.

#ifndef PARTITA_MATCH_MACHINE_H_
#define PARTITA_MATCH_MACHINE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "match/arena.h"
#include "match/program.h"
#include "term/value.h"
#include "term/wire.h"
#include "term/wire_writer.h"

namespace partita {

class Machine {
 public:
  static constexpr size_t kNoClause = static_cast<size_t>(-1);
  static constexpr size_t kMaxMade = size_t{1} << 32;

  // Where the body that erred stands, and the function that failed there.
  struct Failure {
    size_t clause;
    size_t body;
    Function function;
    bool in_function;  // false: a term could not be made, or `andalso` or `orelse` found no boolean
    Instruction::Op op;
  };

  explicit Machine(const Program& program);

  // The first clause whose head and guards the row fulfils, or kNoClause. A guard that errs is false. Of the row only
  // the elements at positions in Program::columns() are read; they must stay as they are until the next Match().
  // Everything below is about the row of the last Match(). All may throw std::bad_alloc.
  size_t Match(absl::Span<const Value> row);

  // The value of the clause's last body; it lives until the next Match(). False: a body errs, and failure() says where.
  bool Evaluate(size_t clause, Value* result);
  const Failure& failure() const { return failure_; }

  // Whether the row matches as a count or a deletion asks for it: the body gives true. One that errs does not.
  bool MatchesTrue(absl::Span<const Value> row);

 private:
  struct OpenContainer {
    wire::Container container;
    const char* next;  // term of it
  };

  // The value at a key of a map; false if it is not there.
  static bool FindInMap(const wire::Container& map, const Value& key, Value* out);

  bool Run(uint32_t start);
  bool CallFunction(Function function, Value* arguments, uint32_t count, Value* out);
  bool PushRow();

  char* Allocate(size_t size) { return arena_.Allocate(size); }
  bool HasRoom(size_t size) const { return size <= kMaxTermSize && arena_.size() + size <= kMaxMade; }
  bool MakeSequence(wire::ContainerKind kind, const Value* elements, size_t count, bool nested, Value* out);
  bool MakeMap(const Value* pairs, size_t count, Value* out);
  bool MakeBytes(absl::string_view bytes, Value* out);
  bool Tail(const Value& list, Value* out);
  bool BinaryPart(const Value* arguments, uint32_t count, Value* out);

  const Program& program_;
  absl::Span<const Value> row_;
  std::vector<Value> stack_;
  std::vector<Value> variables_;
  std::vector<OpenContainer> open_;
  Value row_value_;
  bool has_row_value_ = false;
  uint32_t failed_at_ = 0;
  Failure failure_{};
  Arena arena_;
  WireWriter map_writer_;
};

}  // namespace partita

#endif  // PARTITA_MATCH_MACHINE_H_
