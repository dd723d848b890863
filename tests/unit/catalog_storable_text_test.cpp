#include <gtest/gtest.h>

#include "catalog/storable_text.h"

namespace echodb {
namespace {

TEST(StorableText, LeavesWhatTheDatabaseHas) {
  EXPECT_EQ(storable_text("plain", "LATIN1"), "plain");
  EXPECT_EQ(storable_text("déjà", "LATIN1"), "déjà");
  EXPECT_EQ(storable_text("жук", "KOI8R"), "жук");
  EXPECT_EQ(storable_text("価格", "EUC_JP"), "価格");
  EXPECT_EQ(storable_text("€ …", "WIN1252"), "€ …");
  EXPECT_EQ(storable_text("𝄞 価格 é …", "UTF8"), "𝄞 価格 é …");
  EXPECT_EQ(storable_text("価格", "SQL_ASCII"), "価格");
}

TEST(StorableText, StandsInForWhatItLacks) {
  EXPECT_EQ(storable_text("a … b 価é", "LATIN1"), "a ... b ?é");
  EXPECT_EQ(storable_text("é", "KOI8R"), "?");
  EXPECT_EQ(storable_text("価格 − ¥", "EUC_JP"), "価格 ? ?") << "PostgreSQL and the C library do not agree about signs";
  EXPECT_EQ(storable_text("é", "MULE_INTERNAL"), "?") << "an encoding that the C library does not have";
}

TEST(StorableText, TakesNoLetterApart) {
  EXPECT_EQ(storable_text("b\u1ea3ng \u00c3 \u00e9", "WIN1258"), "b?ng ? \u00e9")
      << "the C library writes a letter and its mark";
  EXPECT_EQ(storable_text("\ufb2a", "WIN1255"), "?");
}

TEST(StorableText, MendsBytesThatAreNoCharacters) {
  EXPECT_EQ(storable_text("cut \xc3", "UTF8"), "cut ?");
  EXPECT_EQ(storable_text("\xff\xfe|", "UTF8"), "??|");
  EXPECT_EQ(storable_text("\x80\x80|", "LATIN1"), "?|") << "read as one";
  EXPECT_EQ(storable_text("\xe2\x82z", "WIN1252"), "?z");
}

}  // namespace
}  // namespace echodb
