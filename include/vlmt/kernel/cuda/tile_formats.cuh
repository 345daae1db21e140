// Quantised weights in tiles: the fields of their blocks in planes, for loads of 16 bytes by neighbouring lanes.
//
// A tile is 8 rows of 32 groups of 32 values, one group a lane. Scales and mins of six bits become bytes; nothing is
// rounded. A group holds value i in the low half of byte i of its quants, and value i + 16 in the high half.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <cuda_fp16.h>

#include "vlmt/base/config.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/quant/packed_scales.hpp"
#include "vlmt/quant/q4_0.hpp"
#include "vlmt/quant/q4_k.hpp"
#include "vlmt/quant/q5_k.hpp"
#include "vlmt/quant/q6_k.hpp"
#include "vlmt/quant/q8_0.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

inline constexpr unsigned tile_rows = 8;       ///< of a lane
inline constexpr unsigned group_values = 32;   ///< weights of a row in a lane
inline constexpr unsigned quants_bytes = 512;  ///< of a row: 16 of each lane

/// 32 activations x[i] = scale * q[i], |q| <= 127, as a product reads them.
struct Int8Values {
  uint4 low;   ///< q[0] to q[15]
  uint4 high;  ///< q[16] to q[31]
  float scale;
  int sums[2];  ///< of q[0] to q[15] and of q[16] to q[31]
};

/// What is loaded of 32 weights, before any arithmetic, so that loads can be far ahead of it.
struct GroupWords {
  uint4 v[4];
  unsigned scales;
  unsigned d;
};

namespace tiles {

/// The sum of a[i] * b[i] over four signed bytes, for all words.
__device__ inline int dot16(uint4 a, uint4 b, int sum = 0) noexcept {
  sum = __dp4a(static_cast<int>(a.x), static_cast<int>(b.x), sum);
  sum = __dp4a(static_cast<int>(a.y), static_cast<int>(b.y), sum);
  sum = __dp4a(static_cast<int>(a.z), static_cast<int>(b.z), sum);
  return __dp4a(static_cast<int>(a.w), static_cast<int>(b.w), sum);
}
__device__ inline uint4 low_halves(uint4 x) noexcept {
  return {x.x & 0x0f0f0f0f, x.y & 0x0f0f0f0f, x.z & 0x0f0f0f0f, x.w & 0x0f0f0f0f};
}
__device__ inline uint4 high_halves(uint4 x) noexcept {
  return low_halves({x.x >> 4, x.y >> 4, x.z >> 4, x.w >> 4});
}
__device__ inline uint4 with_bits(uint4 x, uint4 bits) noexcept {
  return {x.x | bits.x, x.y | bits.y, x.z | bits.z, x.w | bits.w};
}
template <class T>
__device__ T load_as(const std::byte* p) noexcept {
  return *reinterpret_cast<const T*>(p);
}
template <class T>
__device__ void store_as(std::byte* p, T x) noexcept {
  *reinterpret_cast<T*>(p) = x;
}
/// The binary16 number of these bits.
__device__ inline float half_of(unsigned bits) noexcept {
  return __half2float(__ushort_as_half(static_cast<unsigned short>(bits)));
}
/// Value i of 16 bytes.
__device__ inline unsigned byte_at(const uint4& x, unsigned i) noexcept {
  const unsigned words[4] = {x.x, x.y, x.z, x.w};
  return words[i / 4] >> (8 * (i % 4)) & 0xffu;
}
inline VLMT_HD std::uint16_t two_bytes(const std::uint8_t* p) noexcept {
  return static_cast<std::uint16_t>(p[0] | p[1] << 8);
}

/// The 16 bytes of a group whose value i is code(i), four bits.
template <class F>
__device__ uint4 pack_halves(const F& code) noexcept {
  unsigned words[4] = {};
  for (unsigned i = 0; i < 16; ++i) words[i / 4] |= (code(i) | code(i + 16) << 4) << (8 * (i % 4));
  return {words[0], words[1], words[2], words[3]};
}

/// A scale and a min for each group, both multiples of those of 256 values: what Q4_K and Q5_K share.
struct ScaleAndMin {
  float scale;
  float min;

  /// From a pair of bytes, and d and dmin.
  __device__ static ScaleAndMin of(unsigned pair, unsigned halves) noexcept {
    const float2 d = __half22float2(*reinterpret_cast<const __half2*>(&halves));
    return {d.x * static_cast<float>(pair & 0xffu), d.y * static_cast<float>(pair >> 8)};
  }
  __device__ static void load(GroupWords& w, const std::byte* tile, unsigned at, unsigned row, unsigned lane) noexcept {
    w.scales = load_as<std::uint16_t>(tile + at + row * 64 + lane * 2);
    w.d = load_as<unsigned>(tile + at + 512 + row * 16 + lane / 8 * 4);
  }
  template <class Block>
  __device__ static void store(const Block& block, unsigned group, std::byte* tile, unsigned at, unsigned row,
                               unsigned lane) noexcept {
    const detail::ScaleMin s = detail::unpack_scale_min(block.scales, static_cast<int>(group));
    store_as(tile + at + row * 64 + lane * 2, static_cast<std::uint16_t>(s.scale | s.min << 8));
    if (group == 0) {
      store_as(tile + at + 512 + row * 16 + lane / 8 * 4,
               static_cast<unsigned>(two_bytes(block.d)) | static_cast<unsigned>(two_bytes(block.dmin)) << 16);
    }
  }
};

}  // namespace tiles

/// Of a format: `bytes` of a tile; load(words, tile, row, lane), the words of a lane in a row; unpack(words), a Group,
/// with
///   dot(x)      the product with 32 activations
///   decode(y)   32 floats, equal to those of the format's own decode
/// and store(block, group, tile, row, lane), which puts 32 values of a block of a file into a tile.
template <class Format>
struct TileFormat;

template <>
struct TileFormat<Q4_K> {
  static constexpr unsigned scales_at = tile_rows * quants_bytes;
  static constexpr unsigned bytes = scales_at + tile_rows * (64 + 16);

  struct Group {
    uint4 quants;
    tiles::ScaleAndMin s;

    __device__ float dot(const Int8Values& x) const noexcept {
      const int sum = tiles::dot16(tiles::high_halves(quants), x.high, tiles::dot16(tiles::low_halves(quants), x.low));
      return s.scale * (x.scale * static_cast<float>(sum)) -
             s.min * (x.scale * static_cast<float>(x.sums[0] + x.sums[1]));
    }
    __device__ void decode(float* y) const noexcept {
#pragma unroll
      for (unsigned i = 0; i < 16; ++i) {
        const unsigned b = tiles::byte_at(quants, i);
        y[i] = fmaf(s.scale, static_cast<float>(b & 15u), -s.min);
        y[i + 16] = fmaf(s.scale, static_cast<float>(b >> 4), -s.min);
      }
    }
  };
  __device__ static void load(GroupWords& w, const std::byte* tile, unsigned row, unsigned lane) noexcept {
    w.v[0] = tiles::load_as<uint4>(tile + row * quants_bytes + lane * 16);
    tiles::ScaleAndMin::load(w, tile, scales_at, row, lane);
  }
  __device__ static Group unpack(const GroupWords& w) noexcept {
    return {w.v[0], tiles::ScaleAndMin::of(w.scales, w.d)};
  }
  __device__ static void store(const Q4_K::Block& block, unsigned group, std::byte* tile, unsigned row,
                               unsigned lane) noexcept {
    const uint4 quants = tiles::pack_halves(
        [&](unsigned i) { return static_cast<unsigned>(block.qs[32 * (group / 2) + i]) >> (4 * (group % 2)) & 15u; });
    tiles::store_as(tile + row * quants_bytes + lane * 16, quants);
    tiles::ScaleAndMin::store(block, group, tile, scales_at, row, lane);
  }
};

/// The fifth bits of byte b of word w of the quants are bits 8 b + 2 w (low half) and 8 b + 2 w + 1 (high half) of one
/// word.
template <>
struct TileFormat<Q5_K> {
  static constexpr unsigned bits_at = tile_rows * quants_bytes;
  static constexpr unsigned scales_at = bits_at + tile_rows * 128;
  static constexpr unsigned bytes = scales_at + tile_rows * (64 + 16);

  struct Group {
    uint4 quants;
    unsigned bits;
    tiles::ScaleAndMin s;

    __device__ uint4 fifth(unsigned half) const noexcept {
      return {(bits >> half & 0x01010101u) << 4, (bits >> (2 + half) & 0x01010101u) << 4,
              (bits >> (4 + half) & 0x01010101u) << 4, (bits >> (6 + half) & 0x01010101u) << 4};
    }
    __device__ uint4 low() const noexcept { return tiles::with_bits(tiles::low_halves(quants), fifth(0)); }
    __device__ uint4 high() const noexcept { return tiles::with_bits(tiles::high_halves(quants), fifth(1)); }
    __device__ float dot(const Int8Values& x) const noexcept {
      const int sum = tiles::dot16(high(), x.high, tiles::dot16(low(), x.low));
      return s.scale * (x.scale * static_cast<float>(sum)) -
             s.min * (x.scale * static_cast<float>(x.sums[0] + x.sums[1]));
    }
    __device__ void decode(float* y) const noexcept {
      const uint4 a = low(), b = high();
#pragma unroll
      for (unsigned i = 0; i < 16; ++i) {
        y[i] = fmaf(s.scale, static_cast<float>(tiles::byte_at(a, i)), -s.min);
        y[i + 16] = fmaf(s.scale, static_cast<float>(tiles::byte_at(b, i)), -s.min);
      }
    }
  };
  __device__ static void load(GroupWords& w, const std::byte* tile, unsigned row, unsigned lane) noexcept {
    w.v[0] = tiles::load_as<uint4>(tile + row * quants_bytes + lane * 16);
    w.v[1].x = tiles::load_as<unsigned>(tile + bits_at + row * 128 + lane * 4);
    tiles::ScaleAndMin::load(w, tile, scales_at, row, lane);
  }
  __device__ static Group unpack(const GroupWords& w) noexcept {
    return {w.v[0], w.v[1].x, tiles::ScaleAndMin::of(w.scales, w.d)};
  }
  __device__ static void store(const Q5_K::Block& block, unsigned group, std::byte* tile, unsigned row,
                               unsigned lane) noexcept {
    const uint4 quants = tiles::pack_halves(
        [&](unsigned i) { return static_cast<unsigned>(block.qs[32 * (group / 2) + i]) >> (4 * (group % 2)) & 15u; });
    unsigned bits = 0;
    for (unsigned i = 0; i < group_values; ++i) {
      const unsigned bit = static_cast<unsigned>(block.qh[i]) >> group & 1u;
      bits |= bit << (8 * (i % 4) + 2 * (i % 16 / 4) + i / 16);
    }
    tiles::store_as(tile + row * quants_bytes + lane * 16, quants);
    tiles::store_as(tile + bits_at + row * 128 + lane * 4, bits);
    tiles::ScaleAndMin::store(block, group, tile, scales_at, row, lane);
  }
};

/// The upper two bits of byte b of word w of the quants are bits 8 b + 2 w and the next one of a word for the low
/// halves and of a second word for the high halves. One scale for each 16 values.
template <>
struct TileFormat<Q6_K> {
  static constexpr unsigned bits_at = tile_rows * quants_bytes;
  static constexpr unsigned scales_at = bits_at + tile_rows * 256;
  static constexpr unsigned d_at = scales_at + tile_rows * 64;
  static constexpr unsigned bytes = d_at + tile_rows * 8;

  struct Group {
    uint4 quants;
    uint2 bits;
    int scales[2];
    float d;

    __device__ static uint4 upper(unsigned word) noexcept {
      return {(word & 0x03030303u) << 4, (word >> 2 & 0x03030303u) << 4, (word >> 4 & 0x03030303u) << 4,
              (word >> 6 & 0x03030303u) << 4};
    }
    __device__ uint4 low() const noexcept { return tiles::with_bits(tiles::low_halves(quants), upper(bits.x)); }
    __device__ uint4 high() const noexcept { return tiles::with_bits(tiles::high_halves(quants), upper(bits.y)); }
    __device__ float dot(const Int8Values& x) const noexcept {
      const int first = tiles::dot16(low(), x.low, -32 * x.sums[0]);
      const int second = tiles::dot16(high(), x.high, -32 * x.sums[1]);
      return d * (x.scale * static_cast<float>(scales[0] * first + scales[1] * second));
    }
    __device__ void decode(float* y) const noexcept {
      const uint4 a = low(), b = high();
      const float first = d * static_cast<float>(scales[0]), second = d * static_cast<float>(scales[1]);
#pragma unroll
      for (unsigned i = 0; i < 16; ++i) {
        y[i] = first * static_cast<float>(static_cast<int>(tiles::byte_at(a, i)) - 32);
        y[i + 16] = second * static_cast<float>(static_cast<int>(tiles::byte_at(b, i)) - 32);
      }
    }
  };
  __device__ static void load(GroupWords& w, const std::byte* tile, unsigned row, unsigned lane) noexcept {
    w.v[0] = tiles::load_as<uint4>(tile + row * quants_bytes + lane * 16);
    const uint2 bits = tiles::load_as<uint2>(tile + bits_at + row * 256 + lane * 8);
    w.v[1].x = bits.x;
    w.v[1].y = bits.y;
    w.scales = tiles::load_as<std::uint16_t>(tile + scales_at + row * 64 + lane * 2);
    w.d = tiles::load_as<std::uint16_t>(tile + d_at + row * 8 + lane / 8 * 2);
  }
  __device__ static Group unpack(const GroupWords& w) noexcept {
    return {w.v[0],
            {w.v[1].x, w.v[1].y},
            {static_cast<std::int8_t>(w.scales & 0xffu), static_cast<std::int8_t>(w.scales >> 8)},
            tiles::half_of(w.d)};
  }
  __device__ static void store(const Q6_K::Block& block, unsigned group, std::byte* tile, unsigned row,
                               unsigned lane) noexcept {
    const unsigned h = group / 4, g = group % 4;
    const uint4 quants = tiles::pack_halves(
        [&](unsigned i) { return static_cast<unsigned>(block.ql[64 * h + 32 * (g % 2) + i]) >> (4 * (g / 2)) & 15u; });
    unsigned bits[2] = {};
    for (unsigned i = 0; i < group_values; ++i) {
      const unsigned two = static_cast<unsigned>(block.qh[32 * h + i]) >> (2 * g) & 3u;
      bits[i / 16] |= two << (8 * (i % 4) + 2 * (i % 16 / 4));
    }
    tiles::store_as(tile + row * quants_bytes + lane * 16, quants);
    tiles::store_as(tile + bits_at + row * 256 + lane * 8, uint2{bits[0], bits[1]});
    const auto byte = [&](unsigned i) { return static_cast<unsigned>(static_cast<std::uint8_t>(block.scales[i])); };
    tiles::store_as(tile + scales_at + row * 64 + lane * 2,
                    static_cast<std::uint16_t>(byte(2 * group) | byte(2 * group + 1) << 8));
    if (group == 0) tiles::store_as(tile + d_at + row * 8 + lane / 8 * 2, tiles::two_bytes(block.d));
  }
};

template <>
struct TileFormat<Q8_0> {
  static constexpr unsigned high_at = tile_rows * quants_bytes;
  static constexpr unsigned d_at = 2 * high_at;
  static constexpr unsigned bytes = d_at + tile_rows * 64;

  struct Group {
    uint4 low;
    uint4 high;
    float d;

    __device__ float dot(const Int8Values& x) const noexcept {
      return d * (x.scale * static_cast<float>(tiles::dot16(high, x.high, tiles::dot16(low, x.low))));
    }
    __device__ void decode(float* y) const noexcept {
#pragma unroll
      for (unsigned i = 0; i < 16; ++i) {
        y[i] = d * static_cast<float>(static_cast<std::int8_t>(tiles::byte_at(low, i)));
        y[i + 16] = d * static_cast<float>(static_cast<std::int8_t>(tiles::byte_at(high, i)));
      }
    }
  };
  __device__ static void load(GroupWords& w, const std::byte* tile, unsigned row, unsigned lane) noexcept {
    w.v[0] = tiles::load_as<uint4>(tile + row * quants_bytes + lane * 16);
    w.v[1] = tiles::load_as<uint4>(tile + high_at + row * quants_bytes + lane * 16);
    w.d = tiles::load_as<std::uint16_t>(tile + d_at + row * 64 + lane * 2);
  }
  __device__ static Group unpack(const GroupWords& w) noexcept { return {w.v[0], w.v[1], tiles::half_of(w.d)}; }
  __device__ static void store(const Q8_0::Block& block, unsigned, std::byte* tile, unsigned row,
                               unsigned lane) noexcept {
    for (unsigned i = 0; i < group_values; ++i) {
      tile[i / 16 * high_at + row * quants_bytes + lane * 16 + i % 16] = static_cast<std::byte>(block.qs[i]);
    }
    tiles::store_as(tile + d_at + row * 64 + lane * 2, tiles::two_bytes(block.d));
  }
};

template <>
struct TileFormat<Q4_0> {
  static constexpr unsigned d_at = tile_rows * quants_bytes;
  static constexpr unsigned bytes = d_at + tile_rows * 64;

  struct Group {
    uint4 quants;
    float d;

    __device__ float dot(const Int8Values& x) const noexcept {
      const int sum = tiles::dot16(tiles::high_halves(quants), x.high,
                                   tiles::dot16(tiles::low_halves(quants), x.low, -8 * (x.sums[0] + x.sums[1])));
      return d * (x.scale * static_cast<float>(sum));
    }
    __device__ void decode(float* y) const noexcept {
#pragma unroll
      for (unsigned i = 0; i < 16; ++i) {
        const unsigned b = tiles::byte_at(quants, i);
        y[i] = d * (static_cast<float>(b & 15u) - 8.0f);
        y[i + 16] = d * (static_cast<float>(b >> 4) - 8.0f);
      }
    }
  };
  __device__ static void load(GroupWords& w, const std::byte* tile, unsigned row, unsigned lane) noexcept {
    w.v[0] = tiles::load_as<uint4>(tile + row * quants_bytes + lane * 16);
    w.d = tiles::load_as<std::uint16_t>(tile + d_at + row * 64 + lane * 2);
  }
  __device__ static Group unpack(const GroupWords& w) noexcept { return {w.v[0], tiles::half_of(w.d)}; }
  __device__ static void store(const Q4_0::Block& block, unsigned, std::byte* tile, unsigned row,
                               unsigned lane) noexcept {
    const uint4 quants = tiles::pack_halves([&](unsigned i) {
      return i < 16 ? static_cast<unsigned>(block.qs[i]) & 15u : static_cast<unsigned>(block.qs[i - 16]) >> 4;
    });
    tiles::store_as(tile + row * quants_bytes + lane * 16, quants);
    tiles::store_as(tile + d_at + row * 64 + lane * 2, tiles::two_bytes(block.d));
  }
};

/// Formats of which matrices are kept in tiles.
using TiledFormats = TypeList<Q4_K, Q5_K, Q6_K, Q8_0, Q4_0>;

}  // namespace cuda

VLMT_END_NAMESPACE
