// The functions and operators of guards and bodies, by name. Names are Erlang's, with Python's spellings beside them.

#ifndef PARTITA_MATCH_FUNCTION_H_
#define PARTITA_MATCH_FUNCTION_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace partita {

enum class Function : uint8_t {
  // Comparisons, in the order of Comparison::Op.
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kEqual,
  kNotEqual,
  kExactlyEqual,
  kExactlyNotEqual,
  // Logic. Of any number of arguments, and so unlike the others; `and` looks at all of them, `andalso` does not.
  kAnd,
  kOr,
  kAndAlso,
  kOrElse,
  kXor,
  kNot,
  // Arithmetic.
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kQuotient,
  kRemainder,
  kBitAnd,
  kBitOr,
  kBitXor,
  kBitNot,
  kShiftLeft,
  kShiftRight,
  kPlus,
  kNegate,
  kAbs,
  kFloat,
  kTrunc,
  kRound,
  kFloor,
  kCeil,
  kMin,
  kMax,
  // Parts and sizes.
  kElement,
  kHead,
  kTail,
  kLength,
  kSize,
  kTupleSize,
  kMapSize,
  kByteSize,
  kBitSize,
  kBinaryPart,
  kMapGet,
  // Types.
  kIsMapKey,
  kIsRecord,
  kIsAtom,
  kIsBoolean,
  kIsInteger,
  kIsFloat,
  kIsNumber,
  kIsTuple,
  kIsList,
  kIsMap,
  kIsBinary,
  kIsStr,
  kIsBytes,
};

struct FunctionName {
  static constexpr uint8_t kAnyNumber = 0xFF;

  absl::string_view name;
  Function function;
  uint8_t min_arguments;
  uint8_t max_arguments;  // kAnyNumber: no limit
};

// Null: there is no such function. `+` and `-` of one argument have entries of their own.
const FunctionName* FindFunction(absl::string_view name, uint32_t arguments);
// The first name of a function, for messages.
absl::string_view NameOf(Function function);
// Whether ETS has a function of this name that means nothing here.
bool IsForeignFunction(absl::string_view name);

inline bool IsComparison(Function function) { return function <= Function::kExactlyNotEqual; }

}  // namespace partita

#endif  // PARTITA_MATCH_FUNCTION_H_
