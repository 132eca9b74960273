#include "bindings/spec_parse.h"

#include <cassert>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/lock.h"
#include "bindings/errors.h"
#include "bindings/py_atom.h"
#include "bindings/py_foreign.h"
#include "bindings/py_ref.h"
#include "bindings/py_term.h"
#include "bindings/py_text.h"
#include "match/place.h"

namespace partita {
namespace {

using Kind = Spec::Kind;
using NodeId = Spec::NodeId;

ForeignType variable_type("partita.patterns", "Variable");
ForeignType placeholder_type("partita.patterns", "Placeholder");
ForeignType match_spec_error("partita.errors", "MatchSpecError");

bool RaiseAt(const Place& place, PyObject* error, PyObject* message) {
  Ref where = Ref::Steal(PyUnicode_FromString(PlaceText(place).c_str()));
  if (where && message != nullptr && error != nullptr) PyErr_Format(error, "%U: %U", where.get(), message);
  return false;
}

template <typename... Arguments>
bool Fail(const Place& place, const char* format, Arguments... arguments) {
  Ref message = Ref::Steal(PyUnicode_FromFormat(format, arguments...));
  return RaiseAt(place, reinterpret_cast<PyObject*>(match_spec_error.Get()), message.get());
}

// What an object of a pattern stands for.
enum class Special : uint8_t { kNone, kVariable, kAny, kRow, kVars };

// What does not stand for itself: the objects of partita.patterns anywhere, their atoms in patterns and expressions,
// and tuples in expressions.
enum class In : uint8_t { kConstant, kPattern, kExpression };

// The number of a variable's atom: $0, $1, ...; -1 for every other. With a zero in front it is an atom like others.
int64_t VariableNumber(PyObject* name) {
  constexpr Py_ssize_t kMaxDigits = 18;
  const Py_ssize_t length = PyUnicode_GET_LENGTH(name);
  if (length < 2 || length > 1 + kMaxDigits || PyUnicode_READ_CHAR(name, 0) != '$') return -1;
  if (length > 2 && PyUnicode_READ_CHAR(name, 1) == '0') return -1;
  int64_t number = 0;
  for (Py_ssize_t i = 1; i < length; ++i) {
    const Py_UCS4 digit = PyUnicode_READ_CHAR(name, i);
    if (digit < '0' || digit > '9') return -1;
    number = 10 * number + (digit - '0');
  }
  return number;
}

class SpecParser {
 public:
  explicit SpecParser(Spec* spec) : spec_(spec) {}

  bool ParseAsPattern(PyObject* object, Kind result) {
    const Place place{nullptr, "pattern"};
    is_pattern_ = true;
    NodeId head;
    NodeId wanted;
    if (!Prepare() || !ParseHead(place, object, &head)) return false;
    if (result != Kind::kConstant) {
      wanted = spec_->AddLeaf(result);
    } else if (!AddConstant(place, Py_True, &wanted)) {
      return false;
    }
    spec_->AddPattern(head, wanted);
    return true;
  }

  bool Parse(PyObject* object) {
    if (!Prepare()) return false;
    if (!PyList_Check(object)) {
      Ref repr = Ref::Steal(ShortRepr(object));
      if (repr) {
        PyErr_Format(reinterpret_cast<PyObject*>(match_spec_error.Get()),
                     "a match specification is a list of (head, guards, body), not %U", repr.get());
      }
      return false;
    }
    Ref clauses = Ref::Steal(PyList_AsTuple(object));
    if (!clauses) return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(clauses.get()); ++i) {
      const Place place{nullptr, "clause", static_cast<size_t>(i)};
      if (!ParseClause(place, PyTuple_GET_ITEM(clauses.get(), i))) return false;
    }
    return true;
  }

 private:
  bool Prepare() {
    if (variable_type.Get() == nullptr || placeholder_type.Get() == nullptr || match_spec_error.Get() == nullptr) {
      return false;
    }
    Ref module = Ref::Steal(PyImport_ImportModule("partita.patterns"));
    if (!module) return false;
    any_ = Ref::Steal(PyObject_GetAttrString(module.get(), "ANY"));
    row_ = Ref::Steal(PyObject_GetAttrString(module.get(), "ROW"));
    vars_ = Ref::Steal(PyObject_GetAttrString(module.get(), "VARS"));
    return any_ && row_ && vars_;
  }

  bool ParseClause(const Place& place, PyObject* clause) {
    if (!PyTuple_Check(clause) || PyTuple_GET_SIZE(clause) != 3) {
      Ref repr = Ref::Steal(ShortRepr(clause));
      return repr && Fail(place, "%U is no (head, guards, body)", repr.get());
    }
    NodeId head;
    std::vector<NodeId> guards, bodies;
    if (!ParseHead(Place{&place, "head"}, PyTuple_GET_ITEM(clause, 0), &head) ||
        !ParseList(place, "guards", "guard", PyTuple_GET_ITEM(clause, 1), &guards) ||
        !ParseList(place, "body", "body", PyTuple_GET_ITEM(clause, 2), &bodies)) {
      return false;
    }
    spec_->AddClause(head, guards, bodies);
    return true;
  }

  bool ParseList(const Place& place, const char* name, const char* item, PyObject* list, std::vector<NodeId>* nodes) {
    if (!PyList_Check(list)) {
      Ref repr = Ref::Steal(ShortRepr(list));
      return repr && Fail(Place{&place, name}, "a list of expressions stands here, not %U", repr.get());
    }
    Ref elements = Ref::Steal(PyList_AsTuple(list));
    return elements && ParseExpressions(place, item, elements.get(), 0, 0, nodes);
  }

  // --- What stands for something else.

  Special Classify(PyObject* object) const {
    if (IsAtom(object)) {
      PyObject* name = AtomName(object);
      if (VariableNumber(name) >= 0) return Special::kVariable;
      if (PyUnicode_CompareWithASCIIString(name, "_") == 0) return Special::kAny;
      if (PyUnicode_CompareWithASCIIString(name, "$_") == 0) return Special::kRow;
      if (PyUnicode_CompareWithASCIIString(name, "$$") == 0) return Special::kVars;
      return Special::kNone;
    }
    if (PyObject_TypeCheck(object, variable_type.IfLoaded())) return Special::kVariable;
    if (object == any_.get()) return Special::kAny;
    if (object == row_.get()) return Special::kRow;
    return object == vars_.get() ? Special::kVars : Special::kNone;
  }

  bool AddSpecial(const Place& place, Special special, PyObject* object, NodeId* node) {
    switch (special) {
      case Special::kVariable:
        return AddVariable(place, object, node);
      case Special::kAny:
        *node = spec_->AddLeaf(Kind::kAny);
        return true;
      case Special::kRow:
        *node = spec_->AddLeaf(Kind::kRow);
        return true;
      default:
        *node = spec_->AddLeaf(Kind::kVars);
        return true;
    }
  }

  bool AddVariable(const Place& place, PyObject* object, NodeId* node) {
    if (IsAtom(object)) {
      *node = spec_->AddVariable(VariableNumber(AtomName(object)));
      return true;
    }
    Ref name = Ref::Steal(PyObject_GetAttrString(object, "name"));
    if (!name) return false;
    if (PyUnicode_Check(name.get())) {
      std::string text;
      if (!ReadText(name.get(), &text)) return Fail(place, "the name of a variable is no valid text");
      *node = spec_->AddVariable(text);
      return true;
    }
    int64_t number = -1;
    if (PyLong_CheckExact(name.get()) && ReadInt64(name.get(), &number) && number >= 0) {
      *node = spec_->AddVariable(number);
      return true;
    }
    return Fail(place, "a variable has a name or a number from 0 that fits 63 bits");
  }

  // False: not valid UTF-8. What is cut off is beyond any name.
  static bool ReadText(PyObject* text, std::string* out) {
    Py_ssize_t surrogate;
    const Py_ssize_t size = Utf8Size(text, &surrogate);
    if (size < 0) return false;
    out->resize(static_cast<size_t>(size));
    WriteUtf8(text, out->data());
    return true;
  }

  // Whether `object` is, or holds, something that does not stand for itself: 1 or 0, -1 with an exception set. What is
  // met again and again, because containers share it or because each level asks of those below, is remembered once
  // much was looked at.
  int HoldsSpecial(PyObject* object, In in, int depth) {
    constexpr size_t kMuch = 256;
    if (PyObject_TypeCheck(object, placeholder_type.IfLoaded())) return 1;
    if (Classify(object) != Special::kNone) return in != In::kConstant || !IsAtom(object);
    if (depth > kMaxTermDepth) {  // is refused on the way down
      is_too_deep_ = true;
      return 1;
    }
    if (++looked_at_ <= kMuch || !(PyTuple_Check(object) || PyList_Check(object) || PyDict_Check(object))) {
      return PartsHoldSpecial(object, in, depth);
    }
    auto& known = known_[static_cast<size_t>(in)];
    if (const auto found = known.find(object); found != known.end()) return found->second.holds;
    const int holds = PartsHoldSpecial(object, in, depth);
    if (holds >= 0) known.emplace(object, Known{Ref::Borrow(object), holds});
    return holds;
  }

  int PartsHoldSpecial(PyObject* object, In in, int depth) {
    if (PyTuple_Check(object)) {
      if (in == In::kExpression) return 1;
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(object); ++i) {
        if (const int holds = HoldsSpecial(PyTuple_GET_ITEM(object, i), in, depth + 1); holds != 0) return holds;
      }
    } else if (PyList_Check(object)) {
      for (Py_ssize_t i = 0; i < PyList_GET_SIZE(object); ++i) {
        Ref element = Ref::Borrow(PyList_GET_ITEM(object, i));
        if (const int holds = HoldsSpecial(element.get(), in, depth + 1); holds != 0) return holds;
      }
    } else if (PyDict_Check(object)) {
      PyObject *key, *value;
      Py_ssize_t position = 0;
      while (PyDict_Next(object, &position, &key, &value)) {
        Ref held_key = Ref::Borrow(key);
        Ref held_value = Ref::Borrow(value);
        if (const int holds = HoldsSpecial(key, in, depth + 1); holds != 0) return holds;
        if (const int holds = HoldsSpecial(value, in, depth + 1); holds != 0) return holds;
      }
    } else if (PyAnySet_Check(object)) {
      Ref iterator = Ref::Steal(PySet_Type.tp_iter(object));
      while (iterator) {
        Ref element = Ref::Steal(PyIter_Next(iterator.get()));
        if (!element) break;
        if (const int holds = HoldsSpecial(element.get(), in == In::kConstant ? in : In::kPattern, depth + 1);
            holds != 0)
          return holds;
      }
      if (PyErr_Occurred()) return -1;
    }
    return 0;
  }

  // --- Constants and containers.

  bool AddConstant(const Place& place, PyObject* object, NodeId* node) {
    EncodeArena arena;
    Value value;
    if (!EncodeValue(object, &arena, &value)) {
      TellPlace(place);
      return false;
    }
    *node = spec_->AddConstant(value);
    return true;
  }

  // Makes a MatchSpecError of the pending exception if that is exactly a ValueError.
  static void TellPlace(const Place& place) {
    if (PyErr_Occurred() != PyExc_ValueError) return;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    Ref held_type = Ref::Steal(type);
    Ref held_error = Ref::Steal(error);
    Ref held_traceback = Ref::Steal(traceback);
    Ref message = Ref::Steal(PyObject_Str(error));
    if (message) RaiseAt(place, reinterpret_cast<PyObject*>(match_spec_error.Get()), message.get());
  }

  bool CheckDepth(const Place& place, int depth) {
    constexpr size_t kMostParts = size_t{1} << 21;
    if (spec_->node_count() > kMostParts) return Fail(place, "a specification has at most %zu parts", kMostParts);
    if (depth < kMaxTermDepth && !is_too_deep_) return true;
    return Fail(place, "a specification is nested at most %d deep (does it contain itself?)", kMaxTermDepth);
  }

  bool ParseSet(const Place& place, PyObject* set, NodeId* node) {
    const int holds = HoldsSpecial(set, In::kPattern, 0);
    if (holds < 0 || (is_too_deep_ && !CheckDepth(place, 0))) return false;
    if (holds != 0) return Fail(place, "a set holds no variables and no placeholders");
    return AddConstant(place, set, node);
  }

  // The pairs of a dict as keys and values in turn, in its own order.
  static bool ReadPairs(PyObject* dict, std::vector<Ref>* pairs) {
    if (PyODict_Check(dict)) {
      Ref keys = Ref::Steal(PyODict_Type.tp_iter(dict));
      while (keys) {
        Ref key = Ref::Steal(PyIter_Next(keys.get()));
        if (!key) break;
        Ref value = Ref::Borrow(PyDict_GetItemWithError(dict, key.get()));
        if (!value) break;
        pairs->push_back(std::move(key));
        pairs->push_back(std::move(value));
      }
      return !PyErr_Occurred();
    }
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
      pairs->push_back(Ref::Borrow(key));
      pairs->push_back(Ref::Borrow(value));
    }
    return true;
  }

  using ParsePart = bool (SpecParser::*)(const Place&, PyObject*, int, NodeId*);

  // A tuple, list or dict of parts that are patterns, or expressions.
  bool ParseContainer(const Place& place, PyObject* object, int depth, ParsePart parse, NodeId* node) {
    if (!CheckDepth(place, depth)) return false;
    std::vector<NodeId> children;
    if (PyDict_Check(object)) {
      std::vector<Ref> pairs;
      if (!ReadPairs(object, &pairs)) return false;
      for (size_t i = 0; i < pairs.size(); ++i) {
        const Place part{&place, i % 2 == 0 ? "key" : "value", i / 2};
        if (!(this->*parse)(part, pairs[i].get(), depth + 1, &children.emplace_back())) return false;
      }
      *node = spec_->AddContainer(Kind::kMap, children);
      return true;
    }
    const bool is_list = PyList_Check(object);
    Ref elements = is_list ? Ref::Steal(PyList_AsTuple(object)) : Ref::Borrow(object);
    if (!elements) return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(elements.get()); ++i) {
      const Place part{&place, "element", static_cast<size_t>(i)};
      PyObject* element = PyTuple_GET_ITEM(elements.get(), i);
      if (!(this->*parse)(part, element, depth + 1, &children.emplace_back())) return false;
    }
    *node = spec_->AddContainer(is_list ? Kind::kList : Kind::kTuple, children);
    return true;
  }

  // --- Patterns.

  bool ParseHead(const Place& place, PyObject* head, NodeId* node) {
    const Special special = Classify(head);
    const bool is_row_or_vars = special == Special::kRow || special == Special::kVars;
    if (special != Special::kNone && !(is_pattern_ && is_row_or_vars)) return AddSpecial(place, special, head, node);
    // A row does not count as a level.
    if (PyTuple_Check(head)) return ParseContainer(place, head, -1, &SpecParser::ParsePattern, node);
    Ref repr = Ref::Steal(ShortRepr(head));
    Ref message =
        repr ? Ref::Steal(PyUnicode_FromFormat("a pattern is a tuple, a variable or ANY, not %U", repr.get())) : Ref();
    return RaiseAt(place, PyExc_TypeError, message.get());
  }

  bool ParsePattern(const Place& place, PyObject* object, int depth, NodeId* node) {
    if (const Special special = Classify(object); special != Special::kNone) {
      return AddSpecial(place, special, object, node);
    }
    if (PyAnySet_Check(object)) return ParseSet(place, object, node);
    const int holds = HoldsSpecial(object, In::kPattern, depth);
    if (holds < 0) return false;
    if (holds == 0) return AddConstant(place, object, node);
    return ParseContainerOrFail(place, object, depth, &SpecParser::ParsePattern, node);
  }

  bool ParseContainerOrFail(const Place& place, PyObject* object, int depth, ParsePart parse, NodeId* node) {
    if (PyTuple_Check(object) || PyList_Check(object) || PyDict_Check(object)) {
      return ParseContainer(place, object, depth, parse, node);
    }
    return Fail(place, "this placeholder is none of ANY, ROW and VARS");
  }

  // --- Expressions.

  bool ParseExpression(const Place& place, PyObject* object, int depth, NodeId* node) {
    if (const Special special = Classify(object); special != Special::kNone) {
      return AddSpecial(place, special, object, node);
    }
    if (PyTuple_Check(object)) return ParseTuple(place, object, depth, node);
    if (PyAnySet_Check(object)) return ParseSet(place, object, node);
    const int holds = HoldsSpecial(object, In::kExpression, depth);
    if (holds < 0) return false;
    if (holds == 0) return AddConstant(place, object, node);
    return ParseContainerOrFail(place, object, depth, &SpecParser::ParseExpression, node);
  }

  bool ParseTuple(const Place& place, PyObject* tuple, int depth, NodeId* node) {
    if (!CheckDepth(place, depth)) return false;
    const Py_ssize_t size = PyTuple_GET_SIZE(tuple);
    if (size == 0) return Fail(place, "() is no call: an empty tuple is written ((),)");
    PyObject* first = PyTuple_GET_ITEM(tuple, 0);
    if (size == 1 && PyTuple_Check(first)) {
      return ParseContainer(place, first, depth, &SpecParser::ParseExpression, node);
    }
    PyObject* name = nullptr;
    if (PyUnicode_Check(first)) name = first;
    if (IsAtom(first) && Classify(first) == Special::kNone) name = AtomName(first);
    if (name == nullptr) {
      Ref repr = Ref::Steal(ShortRepr(tuple));
      return repr && Fail(place,
                          "%U is no call, which starts with a function's name; a tuple that is meant as such is "
                          "written ((a, b),) or ('const', (a, b))",
                          repr.get());
    }
    if (PyUnicode_CompareWithASCIIString(name, "const") == 0) return ParseConst(place, tuple, node);
    std::string function;
    std::vector<NodeId> arguments;
    if (!ReadText(name, &function)) return Fail(place, "the name of a function is no valid text");
    if (!ParseExpressions(place, "argument", tuple, 1, depth + 1, &arguments)) return false;
    *node = spec_->AddCall(function, arguments);
    return true;
  }

  bool ParseConst(const Place& place, PyObject* tuple, NodeId* node) {
    if (PyTuple_GET_SIZE(tuple) != 2) {
      return Fail(place, "'const' takes 1 argument, not %zd", PyTuple_GET_SIZE(tuple) - 1);
    }
    PyObject* constant = PyTuple_GET_ITEM(tuple, 1);
    const int holds = HoldsSpecial(constant, In::kConstant, 0);
    if (holds < 0 || (is_too_deep_ && !CheckDepth(place, 0))) return false;
    if (holds != 0) return Fail(place, "what 'const' keeps as it is holds a variable or a placeholder");
    return AddConstant(place, constant, node);
  }

  // Those of `tuple` from `first` on; they are numbered from 0.
  bool ParseExpressions(const Place& place, const char* what, PyObject* tuple, Py_ssize_t first, int depth,
                        std::vector<NodeId>* nodes) {
    for (Py_ssize_t i = first; i < PyTuple_GET_SIZE(tuple); ++i) {
      const Place part{&place, what, static_cast<size_t>(i - first)};
      if (!ParseExpression(part, PyTuple_GET_ITEM(tuple, i), depth, &nodes->emplace_back())) return false;
    }
    return true;
  }

  struct Known {
    Ref object;  // lives, or another could have its address
    int holds;
  };

  Spec* const spec_;
  bool is_pattern_ = false;   // alone, without clauses
  bool is_too_deep_ = false;  // somewhere
  size_t looked_at_ = 0;
  std::unordered_map<PyObject*, Known> known_[3];  // of containers, by In
  Ref any_;
  Ref row_;
  Ref vars_;
};

}  // namespace

bool ParseSpec(PyObject* object, Spec* spec) {
  assert(LocksHeldByThisThread() == 0);
  return SpecParser(spec).Parse(object);
}

bool ParsePattern(PyObject* object, Spec::Kind result, Spec* spec) {
  assert(LocksHeldByThisThread() == 0);
  return SpecParser(spec).ParseAsPattern(object, result);
}

void RaiseSpecError(const Status& status) {
  PyTypeObject* error = match_spec_error.Get();
  if (error == nullptr) return;
  const std::string& message = status.message();
  Ref text = Ref::Steal(PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "replace"));
  if (text) PyErr_SetObject(reinterpret_cast<PyObject*>(error), text.get());
}

}  // namespace partita
