#include "columns/type_rules.h"

#include <algorithm>
#include <iterator>

namespace echodb {
namespace {

constexpr TypeRule string(ValueForm form) { return {.holding = {form, "String"}, .text = form}; }

constexpr TypeRule only_text(ValueForm form) {
  return {.holding = {form, "String"}, .text = form, .counterpart = Counterpart::No};
}

constexpr TypeRule wide_date(Holding holding, ValueForm text) {
  return {.holding = holding, .text = text, .since = kWideDatesSince, .before = {text, "String"}};
}

struct RuleByOid {
  Oid oid;
  TypeRule rule;
};

// By oid, as pg_type.dat numbers them.
constexpr RuleByOid kRules[] = {
    {16 /* bool */,
     {.holding = {ValueForm::Bool, "Bool"},
      .text = ValueForm::BoolText,
      .since = kBoolSince,
      .before = {ValueForm::Bool, "UInt8"}}},
    {17 /* bytea */, {.holding = {ValueForm::Bytea, "String"}, .text = ValueForm::ByteaText}},
    {18 /* "char" */, string(ValueForm::Char)},
    {19 /* name */, string(ValueForm::Text)},
    {20 /* int8 */, {.holding = {ValueForm::Int64, "Int64"}, .text = ValueForm::Int64Text}},
    {21 /* int2 */, {.holding = {ValueForm::Int16, "Int16"}, .text = ValueForm::Int16Text}},
    {23 /* int4 */, {.holding = {ValueForm::Int32, "Int32"}, .text = ValueForm::Int32Text}},
    {25 /* text */, string(ValueForm::Text)},
    {26 /* oid */, {.holding = {ValueForm::UInt32, "UInt32"}, .text = ValueForm::UInt32Text}},
    {27 /* tid */, only_text(ValueForm::TidText)},
    {28 /* xid */, only_text(ValueForm::UInt32Text)},
    {29 /* cid */, only_text(ValueForm::UInt32Text)},
    {114 /* json */, string(ValueForm::Text)},
    {142 /* xml */, string(ValueForm::Text)},
    {600 /* point */, only_text(ValueForm::PointText)},
    {601 /* lseg */, only_text(ValueForm::LsegText)},
    {602 /* path */, only_text(ValueForm::PathText)},
    {603 /* box */, only_text(ValueForm::BoxText)},
    {604 /* polygon */, only_text(ValueForm::PolygonText)},
    {628 /* line */, only_text(ValueForm::LineText)},
    {650 /* cidr */, only_text(ValueForm::InetText)},
    {700 /* float4 */, {.holding = {ValueForm::Float32, "Float32"}, .text = ValueForm::Float32Text}},
    {701 /* float8 */, {.holding = {ValueForm::Float64, "Float64"}, .text = ValueForm::Float64Text}},
    {718 /* circle */, only_text(ValueForm::CircleText)},
    {774 /* macaddr8 */, only_text(ValueForm::MacaddrText)},
    {829 /* macaddr */, only_text(ValueForm::MacaddrText)},
    {869 /* inet */, only_text(ValueForm::InetText)},
    {1042 /* bpchar */, string(ValueForm::Text)},
    {1043 /* varchar */, string(ValueForm::Text)},
    {1082 /* date */, wide_date({ValueForm::Date, "Date32"}, ValueForm::DateText)},
    {1083 /* time */, string(ValueForm::TimeText)},
    {1114 /* timestamp */, wide_date({ValueForm::Timestamp, "DateTime64(6, 'UTC')"}, ValueForm::TimestampText)},
    {1184 /* timestamptz */, wide_date({ValueForm::Timestamp, "DateTime64(6, 'UTC')"}, ValueForm::TimestampTzText)},
    {1186 /* interval */, only_text(ValueForm::IntervalText)},
    {1266 /* timetz */, only_text(ValueForm::TimeTzText)},
    {1560 /* bit */, only_text(ValueForm::BitText)},
    {1562 /* varbit */, only_text(ValueForm::BitText)},
    {2950 /* uuid */, {.holding = {ValueForm::Uuid, "UUID"}, .text = ValueForm::UuidText}},
    {3220 /* pg_lsn */, only_text(ValueForm::LsnText)},
    {3614 /* tsvector */, only_text(ValueForm::TsvectorText)},
    {3615 /* tsquery */, only_text(ValueForm::TsqueryText)},
    {3802 /* jsonb */, string(ValueForm::Jsonb)},
    {3904 /* int4range */, only_text(ValueForm::Int4RangeText)},
    {3906 /* numrange */, only_text(ValueForm::NumRangeText)},
    {3908 /* tsrange */, only_text(ValueForm::TsRangeText)},
    {3910 /* tstzrange */, only_text(ValueForm::TsTzRangeText)},
    {3912 /* daterange */, only_text(ValueForm::DateRangeText)},
    {3926 /* int8range */, only_text(ValueForm::Int8RangeText)},
    {4451 /* int4multirange */, only_text(ValueForm::Int4MultirangeText)},
    {4532 /* nummultirange */, only_text(ValueForm::NumMultirangeText)},
    {4533 /* tsmultirange */, only_text(ValueForm::TsMultirangeText)},
    {4534 /* tstzmultirange */, only_text(ValueForm::TsTzMultirangeText)},
    {4535 /* datemultirange */, only_text(ValueForm::DateMultirangeText)},
    {4536 /* int8multirange */, only_text(ValueForm::Int8MultirangeText)},
    {5069 /* xid8 */, only_text(ValueForm::UInt64Text)},
};

struct RuleByName {
  std::string_view extension_type;
  TypeRule rule;
};

constexpr RuleByName kExtensionRules[] = {
    {"citext", string(ValueForm::Text)},
    {"hstore", only_text(ValueForm::HstoreText)},
};

}  // namespace

const TypeRule* find_rule(const SourceValue& source) {
  if (source.kind == TypeKind::Enum) {
    static constexpr TypeRule kEnumRule = string(ValueForm::Text);
    return &kEnumRule;
  }
  if (!source.extension_type.empty()) {
    const auto* found = std::ranges::find(kExtensionRules, source.extension_type, &RuleByName::extension_type);
    return found == std::end(kExtensionRules) ? nullptr : &found->rule;
  }
  const auto* found = std::ranges::find(kRules, source.oid, &RuleByOid::oid);
  return found == std::end(kRules) ? nullptr : &found->rule;
}

ValueForm text_form(const SourceValue& source) {
  if (source.oid == oid::kNumeric) return ValueForm::NumericText;
  const TypeRule* rule = find_rule(source);
  return rule == nullptr ? ValueForm::SourceText : rule->text;
}

}  // namespace echodb
