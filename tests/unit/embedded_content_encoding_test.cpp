#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "embedded/content_encoding.h"

namespace echodb {
namespace {

constexpr ContentEncoding kAll[] = {ContentEncoding::Identity, ContentEncoding::Gzip, ContentEncoding::Deflate,
                                    ContentEncoding::Lz4, ContentEncoding::Zstd};

std::string pack(ContentEncoding encoding, std::string_view plain, std::size_t piece_bytes) {
  auto encoder = make_content_encoder(encoding, 3);
  ByteBuffer packed;
  for (std::size_t at = 0; at < plain.size(); at += piece_bytes) {
    encoder->encode(as_bytes(plain.substr(at, piece_bytes)), packed);
  }
  encoder->finish(packed);
  return std::string(packed.text());
}

std::string unpack(ContentEncoding encoding, std::string_view packed, std::size_t piece_bytes) {
  auto decoder = make_content_decoder(encoding);
  std::string plain;
  for (std::size_t at = 0; at < packed.size(); at += piece_bytes) {
    decoder->decode(as_bytes(packed.substr(at, piece_bytes)), [&](Bytes bytes) { plain.append(as_text(bytes)); });
  }
  decoder->finish();
  return plain;
}

std::string sample(std::size_t size) {
  std::mt19937 random(7);
  std::string text(size, ' ');
  for (std::size_t at = 0; at < size; ++at) text[at] = at % 3 == 0 ? static_cast<char>(random()) : 'x';
  return text;
}

TEST(ContentEncoding, ReturnsWhatWasPacked) {
  for (ContentEncoding encoding : kAll) {
    for (std::size_t size : {std::size_t{1}, std::size_t{1000}, std::size_t{3'000'000}}) {
      std::string plain = sample(size);
      EXPECT_EQ(unpack(encoding, pack(encoding, plain, 1 << 20), 1 << 16), plain) << to_string(encoding) << size;
    }
    std::string plain = sample(5000);
    EXPECT_EQ(unpack(encoding, pack(encoding, plain, 7), 1), plain) << to_string(encoding);
  }
}

TEST(ContentEncoding, UnpacksHighlyRepetitiveData) {
  std::string plain(20'000'000, 'a');
  for (ContentEncoding encoding : kAll) EXPECT_EQ(unpack(encoding, pack(encoding, plain, 1 << 20), 100), plain);
}

TEST(ContentEncoding, ReadsSeveralStreamsInARow) {
  for (ContentEncoding encoding : kAll) {
    std::string packed = pack(encoding, "first ", 100) + pack(encoding, "second", 100);
    EXPECT_EQ(unpack(encoding, packed, 5), "first second") << to_string(encoding);
    EXPECT_EQ(unpack(encoding, packed, 5000), "first second") << to_string(encoding);
  }
}

TEST(ContentEncoding, RefusesATruncatedStream) {
  for (ContentEncoding encoding : kAll) {
    if (encoding == ContentEncoding::Identity) continue;
    std::string packed = pack(encoding, sample(100'000), 1 << 20);
    EXPECT_THROW(unpack(encoding, std::string_view(packed).substr(0, packed.size() - 1), 999), Error)
        << to_string(encoding);
    EXPECT_THROW(unpack(encoding, std::string_view(packed).substr(0, 3), 999), Error) << to_string(encoding);
  }
}

TEST(ContentEncoding, RefusesGarbage) {
  for (ContentEncoding encoding : kAll) {
    if (encoding == ContentEncoding::Identity) continue;
    EXPECT_THROW(unpack(encoding, "this is not packed at all", 999), Error) << to_string(encoding);
  }
}

TEST(ContentEncoding, ChoosesWhatTheClientAccepts) {
  EXPECT_EQ(choose_content_encoding("gzip, deflate"), ContentEncoding::Gzip);
  EXPECT_EQ(choose_content_encoding("deflate;q=0.5, gzip;q=0"), ContentEncoding::Deflate);
  EXPECT_EQ(choose_content_encoding("br, zstd ,gzip"), ContentEncoding::Zstd);
  EXPECT_EQ(choose_content_encoding("lz4"), ContentEncoding::Lz4);
  EXPECT_EQ(choose_content_encoding("br"), ContentEncoding::Identity);
  EXPECT_EQ(choose_content_encoding(""), ContentEncoding::Identity);
}

TEST(ContentEncoding, RefusesAnUnknownCoding) {
  EXPECT_EQ(parse_content_encoding(" gzip "), ContentEncoding::Gzip);
  EXPECT_EQ(parse_content_encoding("identity"), ContentEncoding::Identity);
  EXPECT_THROW(parse_content_encoding("br"), Error);
}

}  // namespace
}  // namespace echodb
