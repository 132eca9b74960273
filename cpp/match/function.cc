#include "match/function.h"

#include <algorithm>
#include <iterator>

namespace partita {
namespace {

constexpr uint8_t kAny = FunctionName::kAnyNumber;

constexpr FunctionName kFunctions[] = {
    {"<", Function::kLess, 2, 2},
    {"=<", Function::kLessEqual, 2, 2},
    {"<=", Function::kLessEqual, 2, 2},
    {">", Function::kGreater, 2, 2},
    {">=", Function::kGreaterEqual, 2, 2},
    {"==", Function::kEqual, 2, 2},
    {"/=", Function::kNotEqual, 2, 2},
    {"!=", Function::kNotEqual, 2, 2},
    {"=:=", Function::kExactlyEqual, 2, 2},
    {"=/=", Function::kExactlyNotEqual, 2, 2},
    {"and", Function::kAnd, 1, kAny},
    {"or", Function::kOr, 1, kAny},
    {"andalso", Function::kAndAlso, 1, kAny},
    {"orelse", Function::kOrElse, 1, kAny},
    {"xor", Function::kXor, 2, 2},
    {"not", Function::kNot, 1, 1},
    {"+", Function::kPlus, 1, 1},
    {"+", Function::kAdd, 2, 2},
    {"-", Function::kNegate, 1, 1},
    {"-", Function::kSubtract, 2, 2},
    {"*", Function::kMultiply, 2, 2},
    {"/", Function::kDivide, 2, 2},
    {"div", Function::kQuotient, 2, 2},
    {"rem", Function::kRemainder, 2, 2},
    {"band", Function::kBitAnd, 2, 2},
    {"bor", Function::kBitOr, 2, 2},
    {"bxor", Function::kBitXor, 2, 2},
    {"bnot", Function::kBitNot, 1, 1},
    {"bsl", Function::kShiftLeft, 2, 2},
    {"bsr", Function::kShiftRight, 2, 2},
    {"abs", Function::kAbs, 1, 1},
    {"float", Function::kFloat, 1, 1},
    {"trunc", Function::kTrunc, 1, 1},
    {"round", Function::kRound, 1, 1},
    {"floor", Function::kFloor, 1, 1},
    {"ceil", Function::kCeil, 1, 1},
    {"min", Function::kMin, 2, 2},
    {"max", Function::kMax, 2, 2},
    {"element", Function::kElement, 2, 2},
    {"hd", Function::kHead, 1, 1},
    {"tl", Function::kTail, 1, 1},
    {"length", Function::kLength, 1, 1},
    {"size", Function::kSize, 1, 1},
    {"tuple_size", Function::kTupleSize, 1, 1},
    {"map_size", Function::kMapSize, 1, 1},
    {"byte_size", Function::kByteSize, 1, 1},
    {"bit_size", Function::kBitSize, 1, 1},
    {"binary_part", Function::kBinaryPart, 2, 3},
    {"map_get", Function::kMapGet, 2, 2},
    {"is_map_key", Function::kIsMapKey, 2, 2},
    {"is_record", Function::kIsRecord, 3, 3},
    {"is_atom", Function::kIsAtom, 1, 1},
    {"is_boolean", Function::kIsBoolean, 1, 1},
    {"is_integer", Function::kIsInteger, 1, 1},
    {"is_float", Function::kIsFloat, 1, 1},
    {"is_number", Function::kIsNumber, 1, 1},
    {"is_tuple", Function::kIsTuple, 1, 1},
    {"is_list", Function::kIsList, 1, 1},
    {"is_map", Function::kIsMap, 1, 1},
    {"is_binary", Function::kIsBinary, 1, 1},
    {"is_bitstring", Function::kIsBinary, 1, 1},
    {"is_str", Function::kIsStr, 1, 1},
    {"is_bytes", Function::kIsBytes, 1, 1},
};

constexpr absl::string_view kForeignFunctions[] = {
    "is_pid", "is_port", "is_reference", "is_function", "node", "self", "get_tcw",
};

}  // namespace

const FunctionName* FindFunction(absl::string_view name, uint32_t arguments) {
  const FunctionName* found = nullptr;
  for (const FunctionName& f : kFunctions) {
    if (f.name != name) continue;
    found = &f;
    if (arguments >= f.min_arguments && (arguments <= f.max_arguments || f.max_arguments == kAny)) break;
  }
  return found;
}

absl::string_view NameOf(Function function) {
  for (const FunctionName& f : kFunctions) {
    if (f.function == function) return f.name;
  }
  return "";
}

bool IsForeignFunction(absl::string_view name) {
  return std::find(std::begin(kForeignFunctions), std::end(kForeignFunctions), name) != std::end(kForeignFunctions);
}

}  // namespace partita
