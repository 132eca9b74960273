// What a method that matches was asked: a specification or a pattern, compiled for its table, and the keys that alone
// can match, where it names or bounds them.

#ifndef PARTITA_BINDINGS_QUESTION_H_
#define PARTITA_BINDINGS_QUESTION_H_

#include <Python.h>

#include <memory>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "bindings/handles.h"
#include "match/key_span.h"
#include "match/program.h"
#include "match/spec.h"
#include "table/table.h"

namespace partita {

class Question {
 public:
  // False: an exception is set.
  bool ReadSpec(const Shape& shape, PyObject* spec);  // a list of clauses, or a MatchSpec
  bool ReadPattern(const Shape& shape, PyObject* pattern, Spec::Kind result);

  const Program& program() const { return *program_; }
  const std::shared_ptr<const Program>& shared_program() const { return program_; }
  // Whether rows of a few keys alone can match, which are then in keys(): each once, in the order of an ordered_set.
  bool names_keys() const { return names_keys_; }
  absl::Span<const KeyView> keys() const { return keys_; }
  // Else, of an ordered_set: the keys that can match, unless all can.
  const KeySpan* span() const { return span_ ? &*span_ : nullptr; }

 private:
  void FindKeys(const Shape& shape);

  std::shared_ptr<const Program> program_;
  bool names_keys_ = false;
  std::vector<KeyView> keys_;
  std::optional<KeySpan> span_;
};

}  // namespace partita

#endif  // PARTITA_BINDINGS_QUESTION_H_
