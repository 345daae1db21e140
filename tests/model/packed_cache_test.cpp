// Packed weights in a file: a file that fits is reused, any other is never used.
#include "vlmt/model/packed_cache.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/io/gguf_writer.hpp"
#include "vlmt/kernel/matmul_instances.hpp"
#include "vlmt/model/weight_loader.hpp"
#include "vlmt/testing/sweep.hpp"

#include "io/temp_dir.hpp"

namespace vlmt {
namespace {

using A = arch::native;
namespace fs = std::filesystem;

constexpr std::size_t matrix_rows = 37, matrix_cols = 256, stacked = 3;

/// A GGUF file with an F16 matrix, a Q4_K matrix, an NVFP4 stack of experts with scales, and a vector.
std::string write_model(const std::string& path, std::uint64_t seed = 1) {
  GgufHeader h;
  h.set("general.architecture", "test");
  h.add_tensor("floats.weight", F16::type_id, {matrix_cols, matrix_rows});
  h.add_tensor("matrix.weight", Q4_K::type_id, {matrix_cols, matrix_rows});
  h.add_tensor("experts.weight", NVFP4::type_id, {matrix_cols, matrix_rows, stacked});
  h.add_tensor("experts.scale", F32::type_id, {stacked});
  h.add_tensor("vector", F32::type_id, {matrix_cols});
  GgufWriter writer(path, h);
  const std::vector<float> x = testing::gaussian(matrix_rows * matrix_cols * stacked, seed, 1.0);
  std::vector<float16> floats(matrix_rows * matrix_cols);
  std::transform(x.begin(), x.begin() + matrix_rows * matrix_cols, floats.begin(), [](float v) { return float16(v); });
  std::vector<Q4_K::Block> matrix(matrix_rows * matrix_cols / Q4_K::values);
  encode_row<Q4_K>(x.data(), matrix_rows * matrix_cols, matrix.data());
  std::vector<NVFP4::Block> stack(x.size() / NVFP4::values);
  encode_row<NVFP4>(x.data(), x.size(), stack.data());
  const std::vector<float> scales{1.0f, 2.0f, 3.0f};
  writer.write(std::as_bytes(std::span(floats)));
  writer.write(std::as_bytes(std::span(matrix)));
  writer.write(std::as_bytes(std::span(stack)));
  writer.write(std::as_bytes(std::span(scales)));
  writer.write(std::as_bytes(std::span(x).first(matrix_cols)));
  writer.finish();
  return path;
}

/// The weights of such a file, loaded as Vlm does.
template <class Arch = A>
struct Weights {
  Weights(const std::string& path, const PackedCacheOptions& options, bool convert = true)
      : file(GgufFile::open(path)) {
    const WeightSource source(file);
    WeightLoader<Cpu<Arch>, TypeList<F16, Q4_K, NVFP4, Q8_0>> loader;
    loader.matrix(floats, source.get("floats.weight", {matrix_rows, matrix_cols}),
                  convert ? std::optional(Q8_0::type_id) : std::nullopt);
    loader.matrix(matrix, source.get("matrix.weight", {matrix_rows, matrix_cols}));
    loader.experts(stack, source.get("experts.weight", {stacked, matrix_rows, matrix_cols}));
    loader.vector(vector, source.get("vector", {matrix_cols}));
    image = loader.image();
    cache = PackedCache(options, path, image);
    mapped = cache.mapping() != nullptr;
    if (mapped) {
      loader.bind(cache.weights().data());
      return;
    }
    OmpTeam team(2);
    buffer = loader.load(team, {});
    cache.store({buffer.data(), buffer.bytes()});
  }

  /// All weights, decoded.
  std::vector<float> values() const {
    std::vector<float> all, row(matrix_cols);
    const auto add = [&](const PackedMatrix<Arch>& w) {
      for (std::size_t r = 0; r < matrix_rows; ++r) {
        w.decode_row(r, row.data());
        all.insert(all.end(), row.begin(), row.end());
      }
    };
    add(floats);
    add(matrix);
    for (std::size_t e = 0; e < stacked; ++e) add(stack.expert(e));
    all.insert(all.end(), vector, vector + matrix_cols);
    return all;
  }

  GgufFile file;
  PackedMatrix<Arch> floats, matrix;
  PackedExperts<Arch> stack;
  const float* vector = nullptr;
  PackedImage image;
  PackedCache cache;
  Buffer buffer;
  bool mapped = false;
};

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Flips a bit of one byte of a file and keeps its modification time.
void edit(const std::string& path, std::size_t at) {
  const fs::file_time_type time = fs::last_write_time(path);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(at));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(byte ^ 1));
  file.close();
  fs::last_write_time(path, time);
}

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

struct PackedCacheTest : ::testing::Test {
  const TempDir dir;
  const std::string model = write_model(dir / "model.gguf");
  const PackedCacheOptions options{dir / "cache/of/mine"};
  const std::vector<float> want = Weights<>(model, {}).values();
  std::string kept;  ///< path of the cache file

  /// Writes the cache file.
  std::string store() {
    const Weights<> w(model, options);
    EXPECT_FALSE(w.mapped);
    EXPECT_EQ(w.cache.warning(), "");
    EXPECT_EQ(w.values(), want);
    return kept = w.cache.path();
  }
  /// Expects a load that does not use the file, warns with `reason`, packs, and rewrites the file.
  void expect_packed_anew(const std::string& reason, const PackedCacheOptions& o) {
    const Weights<> w(model, o);
    EXPECT_FALSE(w.mapped);
    EXPECT_NE(w.cache.warning().find(reason), std::string::npos) << w.cache.warning() << "\nexpected: " << reason;
    EXPECT_EQ(w.cache.warning().find('\n'), std::string::npos);
    EXPECT_TRUE(Weights<>(model, o).mapped) << "the file was not rewritten";
  }
};

TEST_F(PackedCacheTest, ServesTheSameWeightsInPlace) {
  EXPECT_FALSE(fs::exists(options.folder));
  store();
  for (const bool verify : {false, true}) {
    const Weights<> w(model, {options.folder, verify});
    EXPECT_TRUE(w.mapped);
    EXPECT_EQ(w.cache.warning(), "");
    EXPECT_EQ(w.values(), want);
    EXPECT_EQ(w.buffer.bytes(), 0u);
    const std::span<const std::byte> file = w.cache.mapping()->bytes();
    EXPECT_TRUE(w.matrix.data > file.data() && w.matrix.data < file.data() + file.size());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(w.cache.weights().data()) % PackedCache::alignment, 0u);
  }
  EXPECT_EQ(files_in(options.folder), 1u);
}

TEST_F(PackedCacheTest, AStopLeavesNoFile) {
  StopFlag stop;
  stop.set();
  const std::vector<std::byte> weights(std::size_t{32} << 20);
  PackedCache cache(options, model, {"layout\n", "source\n", weights.size()});
  EXPECT_THROW(cache.store(weights, &stop), Cancelled);
  EXPECT_FALSE(fs::exists(options.folder));
  stop.clear();
  {
    // Set while the file is being written, on most machines.
    const std::jthread other([&] {
      for (int i = 0; i < 10000 && !fs::exists(cache.path() + ".part"); ++i) std::this_thread::yield();
      stop.set();
    });
    try {
      cache.store(weights, &stop);
    } catch (const Cancelled&) {
      EXPECT_FALSE(fs::exists(cache.path()));
    }
  }
  EXPECT_FALSE(fs::exists(cache.path() + ".part"));
}

TEST_F(PackedCacheTest, AStopEndsTheVerification) {
  store();
  StopFlag stop;
  stop.set();
  EXPECT_THROW(Weights<>(model, {options.folder, true, &stop}), Cancelled);
  stop.clear();
  EXPECT_TRUE(Weights<>(model, {options.folder, true, &stop}).mapped);
}

TEST_F(PackedCacheTest, KeepsNothingUnlessAsked) {
  const Weights<> w(model, {});
  EXPECT_EQ(w.cache.path(), "");
  EXPECT_EQ(files_in(dir / ""), 1u);
}

TEST_F(PackedCacheTest, NeverUsesATruncatedFile) {
  const std::string whole = read(store());
  const std::size_t header = whole.size() - Weights<>(model, {}).buffer.bytes() - 23;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{20}, header - 1, header, header + 1,
                                 whole.size() / 2, whole.size() - 1}) {
    std::ofstream(kept, std::ios::binary) << whole.substr(0, size);
    expect_packed_anew(size == 0 ? "is empty" : size < header ? "the end of the file" : "damaged", options);
  }
  std::ofstream(kept, std::ios::binary) << whole + "x";
  expect_packed_anew("damaged", options);
  EXPECT_EQ(read(kept), whole);
}

TEST_F(PackedCacheTest, NeverUsesAFileWhoseHeaderDiffers) {
  const std::string whole = read(store());
  const PackedImage image = Weights<>(model, options).image;
  for (std::size_t i = 0; i < PackedCache::alignment; ++i) {
    edit(kept, i);
    const PackedCache found(options, model, image);
    EXPECT_EQ(found.mapping(), nullptr) << i;
    EXPECT_NE(found.warning().find("belong to another model"), std::string::npos) << i << found.warning();
    edit(kept, i);
  }
  EXPECT_NE(PackedCache(options, model, image).mapping(), nullptr);
  std::ofstream(kept, std::ios::binary) << std::string(whole.size(), 'x');
  expect_packed_anew("vlmt packed weights", options);
}

TEST_F(PackedCacheTest, FindsChangedBytesOnlyWithVerify) {
  const std::string whole = read(store());
  for (const std::size_t at : {whole.size() - 1, whole.size() - 30, whole.size() / 2}) {
    edit(kept, at);
    EXPECT_TRUE(Weights<>(model, options).mapped) << "only the header and the size are compared";
    expect_packed_anew("damaged", {options.folder, true});
  }
}

TEST_F(PackedCacheTest, NoticesAnEditedModel) {
  store();
  const fs::file_time_type time = fs::last_write_time(model);
  fs::last_write_time(model, time + std::chrono::nanoseconds(1));
  expect_packed_anew("written ", options);

  // Other weights in a file of the same size and modification time.
  const fs::file_time_type now = fs::last_write_time(model);
  write_model(model, 2);
  fs::last_write_time(model, now);
  expect_packed_anew("sample", options);
  EXPECT_NE(Weights<>(model, options).values(), want);
}

TEST_F(PackedCacheTest, ServesAModelThatWasMoved) {
  store();
  fs::create_directory(dir / "elsewhere");
  const std::string moved = dir / "elsewhere/model.gguf";
  fs::rename(model, moved);
  EXPECT_TRUE(Weights<>(moved, options).mapped);
}

// Another arch or conversion gets its own file.
TEST_F(PackedCacheTest, KeepsLayoutsApart) {
  store();
  const Weights<> plain(model, options, false);
  EXPECT_FALSE(plain.mapped);
  EXPECT_NE(plain.cache.path(), kept);
  const Weights<arch::generic> generic(model, options);
  EXPECT_EQ(generic.mapped, (std::is_same_v<A, arch::generic>));
  EXPECT_EQ(generic.values(), want);
  EXPECT_TRUE(Weights<>(model, options).mapped);
  EXPECT_TRUE(Weights<>(model, options, false).mapped);
  EXPECT_TRUE(Weights<arch::generic>(model, options).mapped);
  EXPECT_EQ(Weights<arch::generic>(model, options).values(), want);
}

TEST_F(PackedCacheTest, LoadsSucceedWhenTheFolderIsNotWritable) {
  for (const std::string& folder : {model, model + "/cache", std::string("/proc/none")}) {
    const Weights<> w(model, {folder});
    EXPECT_FALSE(w.mapped);
    EXPECT_EQ(w.values(), want);
    EXPECT_NE(w.cache.warning().find("not kept: " + folder), std::string::npos) << w.cache.warning();
    EXPECT_EQ(w.cache.warning().find('\n'), std::string::npos);
  }
}

TEST_F(PackedCacheTest, AFullDiskLeavesNoFile) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{10000, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Weights<> w(model, options);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(w.values(), want);
  EXPECT_NE(w.cache.warning().find("cannot be written"), std::string::npos) << w.cache.warning();
  EXPECT_EQ(files_in(options.folder), 0u);
}

TEST_F(PackedCacheTest, ConcurrentLoadsAllGetTheirWeights) {
  std::atomic<int> right{0};
  constexpr int loads = 8;
  for (int round = 0; round < 10; ++round) {
    fs::remove_all(options.folder);
    right = 0;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < loads; ++i) {
        threads.emplace_back([&] {
          const Weights<> w(model, {options.folder, true});
          if (w.values() == want && w.cache.warning().find("anew") == std::string::npos) ++right;
        });
      }
    }
    EXPECT_EQ(right, loads);
    EXPECT_TRUE(Weights<>(model, {options.folder, true}).mapped);
    EXPECT_EQ(files_in(options.folder), 1u);
  }
}

/// An arch for packing: only `lanes` matters.
struct Lanes {
  static constexpr std::size_t lanes = 8;
};

// Cache files hold these bytes. A change of the layout must raise packed_layout_version, or old files would be used
// with the new layout.
TEST(PackedLayout, AnyChangeNeedsANewVersion) {
  ASSERT_EQ(packed_layout_version, 1u);
  const std::map<std::string_view, std::uint64_t> known = {
      {"F32", 0x145717552155779b},   {"F16", 0xe52bc65f0e874523},    {"BF16", 0xe52bc65f0e874523},
      {"Q4_0", 0x719b5de49788e10a},  {"Q4_1", 0x26632f897c244564},   {"Q5_0", 0xb10e3014965774f1},
      {"Q5_1", 0xa6d33e08f92f6a3f},  {"Q8_0", 0xf0d1ba3eb54ecc50},   {"Q2_K", 0xc7feb80a6cf10c41},
      {"Q3_K", 0x573559f5d194f975},  {"Q4_K", 0x2cc5e1648f232da9},   {"Q5_K", 0x8a0476895bf4efef},
      {"Q6_K", 0x1b1160739758d756},  {"IQ4_NL", 0x719b5de49788e10a}, {"IQ4_XS", 0x4a3411c30a6b59c3},
      {"MXFP4", 0x828cbb5d4f70b8bc}, {"NVFP4", 0x2ad8f1222f1c488a}};
  for_each_type(formats::all{}, [&]<class F>(TypeTag<F>) {
    constexpr std::size_t n = 19, k = 2 * F::values;
    std::vector<std::byte> blocks(n * 2 * sizeof(typename F::Block));
    std::uint32_t state = 1;
    for (std::byte& b : blocks) b = static_cast<std::byte>((state = state * 1664525u + 1013904223u) >> 24);
    std::vector<std::byte> packed(packed_bytes<F, Lanes>(n, k));
    pack_rows<F, Lanes>(blocks.data(), n, k, packed.data(), {0, n});
    const auto at = known.find(F::name);
    ASSERT_NE(at, known.end()) << F::name << " is new: add " << xxh64(packed);
    EXPECT_EQ(xxh64(packed), at->second) << F::name;
  });
  // The bytes that conversion of floats gives.
  std::vector<float> values(Q8_0::values * 8);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>((i * i * 37 + 11) % 509) / 64.0f - 3.0f;
  std::vector<Q8_0::Block> blocks(8);
  encode_row<Q8_0>(values.data(), values.size(), blocks.data());
  EXPECT_EQ(xxh64(std::as_bytes(std::span(blocks))), 0x91cf6640f629491fu);
}

}  // namespace
}  // namespace vlmt
