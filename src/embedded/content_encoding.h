#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/bytes.h"

namespace echodb {

/// The codings of HTTP bodies that ClickHouse's clients use. Deflate is RFC 1950's zlib format, Lz4 and Zstd their
/// frame formats.
enum class ContentEncoding { Identity, Gzip, Deflate, Lz4, Zstd };

/// The base-2 logarithm of the window that zlib keeps, its largest.
inline constexpr int kZlibWindow = 15;

/// The word of Content-Encoding and Accept-Encoding.
std::string_view to_string(ContentEncoding encoding);

/// Throws what ClickHouse answers to a coding it does not know.
ContentEncoding parse_content_encoding(std::string_view word);

/// The best coding a client accepts; Identity when it names none of ours.
ContentEncoding choose_content_encoding(std::string_view accept_encoding);

/// Unpacks a stream given in pieces of any size. Several packed streams in a row are one.
class ContentDecoder {
 public:
  using Sink = std::function<void(Bytes)>;

  virtual ~ContentDecoder() = default;
  virtual void decode(Bytes packed, const Sink& sink) = 0;
  /// The stream is over; throws when it ends too early.
  virtual void finish() = 0;
};

std::unique_ptr<ContentDecoder> make_content_decoder(ContentEncoding encoding);

/// Packs a stream; appends to `packed` what is ready.
class ContentEncoder {
 public:
  virtual ~ContentEncoder() = default;
  virtual void encode(Bytes plain, ByteBuffer& packed) = 0;
  virtual void finish(ByteBuffer& packed) = 0;
};

/// `level` is zlib's for gzip and deflate and zstd's for zstd; lz4 has one speed.
std::unique_ptr<ContentEncoder> make_content_encoder(ContentEncoding encoding, int level);

}  // namespace echodb
