// Texts that only the source can print: its format('%s', $1) calls the type's output function, as COPY and psql do. The
// value gets there through the type's receive function, though, and that of a domain runs its CHECK: a function of the
// application, with our rights. A composite's receive function calls those of its attributes, an array's that of its
// elements, a range's that of its bounds; and a composite's attributes are what ALTER TYPE has made of them by then,
// whatever the value says. So no value of a composite, range or domain of the application, nor an array of those, goes
// to the source: it is taken apart here, and its leaves go, as values of their base types, whose functions are C code
// that only superusers install.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "columns/source_text.h"
#include "replication/insert_completion.h"
#include "replication/source_types.h"

namespace echodb {
namespace {

/// Well below the 65,535 parameters that one statement may have.
constexpr std::size_t kLeavesPerStatement = 10'000;

/// A cast to text would not do for every type.
std::string render_statement(std::size_t leaves) {
  std::string sql = "SELECT pg_catalog.format('%s', v) FROM (VALUES ";
  for (std::size_t leaf = 1; leaf <= leaves; ++leaf) {
    sql += fmt::format("{}({}, ${})", leaf == 1 ? "" : ", ", leaf, leaf);
  }
  return sql + ") AS given(place, v) ORDER BY place";
}

/// Values of one column whose leaves are asked for together. Borrows the values until `finish`.
class Rendering {
 public:
  Rendering(Oid type, WriterTools& tools) : type_(type), tools_(tools), types_(tools.source.connection()) {}

  void add(Bytes value);
  [[nodiscard]] std::size_t leaves() const { return leaves_.size(); }
  /// Appends the texts of the values that were added, and forgets these.
  void finish(std::vector<std::optional<std::string>>& texts);

 private:
  struct Leaf {
    Oid type;
    Bytes value;
  };
  [[nodiscard]] ContainerReader reader(std::function<std::string(Oid, Bytes)> leaf) {
    return {.parts = [this](Oid type) -> const TypeParts& { return types_.parts(type); }, .leaf = std::move(leaf)};
  }
  /// The leaves' texts, in their order.
  std::vector<std::string> ask();
  void ask(Oid type, std::span<const std::size_t> places, std::vector<std::string>& texts);

  Oid type_;
  WriterTools& tools_;
  SourceTypes types_;
  std::vector<Bytes> values_;
  std::vector<Leaf> leaves_;
};

void Rendering::add(Bytes value) {
  values_.push_back(value);
  const ContainerReader leaves = reader([this](Oid type, Bytes leaf) {
    leaves_.push_back({.type = type, .value = leaf});
    return std::string();
  });
  static_cast<void>(leaves.text(type_, value));
}

void Rendering::ask(Oid type, std::span<const std::size_t> places, std::vector<std::string>& texts) {
  std::vector<QueryParameter> parameters;
  for (std::size_t place : places) {
    parameters.emplace_back(QueryParameter::Binary{std::string(as_text(leaves_[place].value)), type});
  }
  try {
    QueryResult answer = tools_.source.connection().query(render_statement(places.size()), parameters);
    tools_.progressed();
    for (std::size_t row = 0; row < places.size(); ++row) texts[places[row]] = answer.text(row, 0);
  } catch (const Error& error) {
    // The type's receive function refuses every value (pg_node_tree), or there is none.
    if (error.sqlstate() != "0A000" && error.sqlstate() != "42883") throw;
    throw no_binary_form(error);
  }
}

std::vector<std::string> Rendering::ask() {
  std::map<Oid, std::vector<std::size_t>> by_type;
  for (std::size_t place = 0; place < leaves_.size(); ++place) by_type[leaves_[place].type].push_back(place);
  std::vector<std::string> texts(leaves_.size());
  for (const auto& [type, places] : by_type) {
    for (std::size_t from = 0; from < places.size(); from += kLeavesPerStatement) {
      ask(type, std::span(places).subspan(from, std::min(kLeavesPerStatement, places.size() - from)), texts);
    }
  }
  return texts;
}

void Rendering::finish(std::vector<std::optional<std::string>>& texts) {
  std::vector<std::string> leaf_texts = ask();
  const ContainerReader whole = reader([next = leaf_texts.begin()](Oid, Bytes) mutable { return std::move(*next++); });
  for (Bytes value : values_) texts.emplace_back(whole.text(type_, value));
  values_.clear();
  leaves_.clear();
}

void render(SourceTextColumn& column, WriterTools& tools) {
  Rendering rendering(column.source_oid(), tools);
  std::vector<std::optional<std::string>> texts;
  for (Bytes value : column.pending_values()) {
    rendering.add(value);
    if (rendering.leaves() >= kLeavesPerStatement) rendering.finish(texts);
  }
  rendering.finish(texts);
  column.resolve(texts);
}

}  // namespace

void render_source_texts(TableBatch& batch, WriterTools& tools) {
  for (std::size_t index = 0; index < batch.plan().columns().size(); ++index) {
    SourceTextColumn* column = batch.column(index).source_text();
    if (column != nullptr && column->pending() > 0) render(*column, tools);
  }
}

}  // namespace echodb
