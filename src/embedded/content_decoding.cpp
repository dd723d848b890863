#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include <vector>

#include "base/assert.h"
#include "embedded/clickhouse_failure.h"
#include "embedded/content_encoding.h"

namespace echodb {
namespace {

constexpr std::size_t kBlockBytes = 256 << 10;
constexpr int kZlibEitherHeader = 32;  // added to the window: gzip or zlib, by what the stream begins with

class PlainDecoder : public ContentDecoder {
 public:
  void decode(Bytes packed, const Sink& sink) override { sink(packed); }
  void finish() override {}
};

class ZlibDecoder : public ContentDecoder {
 public:
  ZlibDecoder() : block_(kBlockBytes) {
    int status = inflateInit2(&stream_, kZlibWindow + kZlibEitherHeader);
    ECHO_ASSERT(status == Z_OK);
  }
  ~ZlibDecoder() override { inflateEnd(&stream_); }
  ZlibDecoder(const ZlibDecoder&) = delete;
  ZlibDecoder& operator=(const ZlibDecoder&) = delete;

  void decode(Bytes packed, const Sink& sink) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
    stream_.avail_in = static_cast<uInt>(packed.size());
    bool filled = false;
    while (stream_.avail_in != 0 || filled) {
      if (ended_) begin_next();
      stream_.next_out = reinterpret_cast<Bytef*>(block_.data());
      stream_.avail_out = static_cast<uInt>(block_.size());
      int status = inflate(&stream_, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) fail(stream_.msg);
      sink({block_.data(), block_.size() - stream_.avail_out});
      ended_ = status == Z_STREAM_END;
      filled = !ended_ && stream_.avail_out == 0;
    }
  }
  void finish() override {
    if (!ended_) fail("the stream ends too early");
  }

 private:
  void begin_next() {
    inflateReset(&stream_);
    ended_ = false;
  }
  [[noreturn]] static void fail(const char* why) {
    throw clickhouse_failure(clickhouse_codes::kZlibInflateFailed,
                             std::string("inflate failed: ") + (why == nullptr ? "bad data" : why));
  }

  z_stream stream_{};
  std::vector<std::byte> block_;
  bool ended_ = false;
};

class ZstdDecoder : public ContentDecoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx(), &ZSTD_freeDCtx), block_(kBlockBytes) { ECHO_ASSERT(context_ != nullptr); }

  void decode(Bytes packed, const Sink& sink) override {
    ZSTD_inBuffer from{packed.data(), packed.size(), 0};
    bool filled = false;
    while (from.pos < from.size || filled) {
      ZSTD_outBuffer into{block_.data(), block_.size(), 0};
      hint_ = ZSTD_decompressStream(context_.get(), &into, &from);
      if (ZSTD_isError(hint_) != 0) fail(ZSTD_getErrorName(hint_));
      sink({block_.data(), into.pos});
      filled = hint_ != 0 && into.pos == into.size;
    }
  }
  void finish() override {
    if (hint_ != 0) fail("the stream ends too early");
  }

 private:
  [[noreturn]] static void fail(const char* why) {
    throw clickhouse_failure(clickhouse_codes::kZstdDecoderFailed, std::string("ZSTD stream decoding failed: ") + why);
  }

  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_;
  std::vector<std::byte> block_;
  std::size_t hint_ = 1;  // 0: between two frames
};

class Lz4Decoder : public ContentDecoder {
 public:
  Lz4Decoder() : block_(kBlockBytes) {
    auto status = LZ4F_createDecompressionContext(&context_, LZ4F_VERSION);
    ECHO_ASSERT(LZ4F_isError(status) == 0);
  }
  ~Lz4Decoder() override { LZ4F_freeDecompressionContext(context_); }
  Lz4Decoder(const Lz4Decoder&) = delete;
  Lz4Decoder& operator=(const Lz4Decoder&) = delete;

  void decode(Bytes packed, const Sink& sink) override {
    bool filled = false;
    while (!packed.empty() || filled) {
      std::size_t consumed = packed.size();
      std::size_t produced = block_.size();
      hint_ = LZ4F_decompress(context_, block_.data(), &produced, packed.data(), &consumed, nullptr);
      if (LZ4F_isError(hint_) != 0) fail(LZ4F_getErrorName(hint_));
      packed = packed.subspan(consumed);
      sink({block_.data(), produced});
      filled = hint_ != 0 && produced == block_.size();
    }
  }
  void finish() override {
    if (hint_ != 0) fail("the stream ends too early");
  }

 private:
  [[noreturn]] static void fail(const char* why) {
    throw clickhouse_failure(clickhouse_codes::kLz4DecoderFailed, std::string("LZ4 decompression failed: ") + why);
  }

  LZ4F_dctx* context_ = nullptr;
  std::vector<std::byte> block_;
  std::size_t hint_ = 1;  // 0: between two frames
};

}  // namespace

std::unique_ptr<ContentDecoder> make_content_decoder(ContentEncoding encoding) {
  switch (encoding) {
    case ContentEncoding::Gzip:
    case ContentEncoding::Deflate: return std::make_unique<ZlibDecoder>();
    case ContentEncoding::Lz4: return std::make_unique<Lz4Decoder>();
    case ContentEncoding::Zstd: return std::make_unique<ZstdDecoder>();
    case ContentEncoding::Identity: break;
  }
  return std::make_unique<PlainDecoder>();
}

}  // namespace echodb
