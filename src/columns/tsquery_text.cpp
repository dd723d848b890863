#include <string>

#include "columns/render.h"
#include "columns/value_errors.h"

namespace echodb::render {
namespace {

enum class Operator : std::uint8_t { Not = 1, And = 2, Or = 3, Phrase = 4 };

int priority(Operator sign) {
  switch (sign) {
    case Operator::Not: return 4;
    case Operator::Phrase: return 3;
    case Operator::And: return 2;
    case Operator::Or: return 1;
  }
  malformed_value("tsquery");
}

/// Reads the items, which stand in prefix order with the right operand before the left one, and gives the infix text.
class TsqueryPrinter {
 public:
  explicit TsqueryPrinter(ByteReader& reader, std::uint32_t items) : reader_(reader), items_(items) {}

  std::string next(int outer_priority, bool right_of_phrase) {
    constexpr std::uint8_t kValue = 1;
    constexpr std::uint8_t kOperator = 2;
    if (items_-- == 0) malformed_value("tsquery");
    const auto kind = reader_.read<std::uint8_t>();
    if (kind == kValue) return operand();
    if (kind != kOperator) malformed_value("tsquery");
    const auto sign = static_cast<Operator>(reader_.read<std::uint8_t>());
    const int own_priority = priority(sign);
    const auto distance = sign == Operator::Phrase ? reader_.read<std::int16_t>() : std::int16_t{0};
    std::string text;
    if (sign == Operator::Not) {
      text = "!" + next(own_priority, false);
    } else {
      const std::string right = next(own_priority, sign == Operator::Phrase);
      text = next(own_priority, false) + spelled(sign, distance) + right;
    }
    // A phrase depends on the order in which its parts are joined.
    const bool parentheses = own_priority < outer_priority || (sign == Operator::Phrase && right_of_phrase);
    return parentheses ? "( " + text + " )" : text;
  }

  [[nodiscard]] bool at_end() const { return items_ == 0; }

 private:
  std::string operand() {
    const auto weights = reader_.read<std::uint8_t>();
    const bool is_prefix = reader_.read<std::uint8_t>() != 0;
    std::string text = "'";
    for (char character : reader_.read_c_string()) {
      if (character == '\'' || character == '\\') text += character;
      text += character;
    }
    text += '\'';
    if (weights == 0 && !is_prefix) return text;
    text += is_prefix ? ":*" : ":";
    constexpr std::string_view kWeights = "DCBA";
    for (std::size_t weight = kWeights.size(); weight-- > 0;) {
      if ((weights >> weight & 1) != 0) text += kWeights[weight];
    }
    return text;
  }

  static std::string spelled(Operator sign, std::int16_t distance) {
    if (sign == Operator::Or) return " | ";
    if (sign == Operator::And) return " & ";
    return distance == 1 ? " <-> " : fmt::format(" <{}> ", distance);
  }

  ByteReader& reader_;
  std::uint32_t items_;
};

}  // namespace

// items:uint32 {kind:uint8 …}{items}
//   1 operand   weights:uint8 is_prefix:uint8 lexeme:byte… 0
//   2 operator  sign:uint8, and for a phrase distance:int16
std::string_view tsquery(Bytes value, Scratch& scratch) {
  ByteReader reader(value);
  const auto items = reader.read<std::uint32_t>();
  if (items > 0) {
    TsqueryPrinter printer(reader, items);
    add(scratch, printer.next(-1, false));
    if (!printer.at_end()) malformed_value("tsquery");
  }
  reader.expect_end();
  return finished(scratch);
}

}  // namespace echodb::render
