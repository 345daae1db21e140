// Attention of new tokens over long caches, of prompts, and of patches of images.
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "vlmt/kernel/cuda/lower.cuh"

#include "measure.cuh"

namespace vlmt::cuda_bench {
namespace {

struct Heads {
  const char* name;
  std::size_t heads, kv_heads, dim;
};

/// Makes random halves smaller than 2.
__global__ void clear_exponents(std::uint32_t* x, std::size_t n) {
  for (std::size_t i = blockIdx.x * static_cast<std::size_t>(blockDim.x) + threadIdx.x; i < n;
       i += static_cast<std::size_t>(gridDim.x) * blockDim.x) {
    x[i] &= 0xbfffbfffu;
  }
}

/// A cache of F16 in pages of 256 slots, and sequences of one length.
struct Cache {
  static constexpr std::size_t slots = 256;
  Cache(const Heads& h, std::size_t sequences, std::size_t length, std::size_t rows, cudaStream_t stream)
      : layout{F16::type_id, F16::type_id, h.kv_heads, h.dim, slots},
        max_pages((length + slots - 1) / slots),
        memory(sequences * max_pages * layout.layer_bytes()),
        tables(sequences * max_pages * 8 + sequences * 8 + 1024) {
    fill_random(memory.data(), memory.bytes(), 3, stream);
    clear_exponents<<<1024, 256, 0, stream>>>(reinterpret_cast<std::uint32_t*>(memory.data()), memory.bytes() / 4);
    Carver carver(tables.data(), tables.bytes());
    all = cuda::Sequences::take(carver, sequences, max_pages).of(sequences);
    all.layout = layout;
    for (std::size_t s = 0; s < sequences; ++s) {
      std::vector<std::byte*> pages;
      for (std::size_t p = 0; p < max_pages; ++p) {
        pages.push_back(memory.data() + (p * sequences + s) * layout.layer_bytes());
      }
      all.set(s, pages, length - rows, s * rows, rows, stream);
    }
  }
  cuda::KvPageLayout layout;
  std::size_t max_pages;
  CudaBuffer memory;
  CudaBuffer tables;
  cuda::Sequences all;
};

void caches(const Measurement& m, double limit, const Heads& h, std::size_t sequences, std::size_t length,
            std::size_t rows) {
  const std::size_t bytes = 2 * sequences * length * h.kv_heads * h.dim * 2;
  const std::size_t copies = rows > 1 ? 1 : 300'000'000 / bytes + 1;
  std::vector<std::unique_ptr<Cache>> all;
  for (std::size_t i = 0; i < copies; ++i) {
    all.push_back(std::make_unique<Cache>(h, sequences, length, rows, m.stream()));
  }
  const std::size_t n = sequences * rows, stride = (h.heads + 2 * h.kv_heads) * h.dim;
  const CudaBuffer qkv(n * stride * 4), out(n * h.heads * h.dim * 4);
  fill_floats(reinterpret_cast<float*>(qkv.data()), n * stride, 9, m.stream());
  Carver counting;
  BackendTypes<Cuda>::take_attend(counting, h.heads, h.dim, 0, sequences, 1);
  const CudaBuffer memory(counting.bytes());
  Carver carver(memory.data(), memory.bytes());
  const auto scratch = BackendTypes<Cuda>::take_attend(carver, h.heads, h.dim, 0, sequences, 1);
  const auto call = [&](std::size_t i) {
    lower(Cuda{},
          op::Attend<CausalAttention, cuda::Sequences, cuda::Rows, cuda::AttendScratch>{
              {},
              reinterpret_cast<const float*>(qkv.data()),
              stride,
              h.heads,
              h.dim,
              0.088f,
              all[i]->all,
              0,
              cuda::Rows{reinterpret_cast<float*>(out.data()), n, h.heads * h.dim},
              scratch},
          m.stream());
  };
  const double keys = static_cast<double>(rows) * (static_cast<double>(length) - 0.5 * static_cast<double>(rows - 1));
  report(std::string(h.name) + ", " + std::to_string(sequences) + " sequences of " + std::to_string(length) + ", " +
             std::to_string(rows) + " rows each",
         m.time(copies < 64 ? copies : 64, call), rows > 1 ? 0.0 : static_cast<double>(bytes),
         4.0 * keys * static_cast<double>(sequences * h.heads * h.dim), limit);
}

void patches(const Measurement& m, std::size_t n, std::size_t heads, std::size_t dim) {
  const CudaBuffer qkv(n * 3 * heads * dim * 4), out(n * heads * dim * 4), offsets(64);
  fill_floats(reinterpret_cast<float*>(qkv.data()), n * 3 * heads * dim, 9, m.stream());
  cuda::AttendScratch scratch;
  scratch.rounds_rows = true;
  report("patches " + std::to_string(n) + ", heads " + std::to_string(heads) + "x" + std::to_string(dim),
         m.time(8,
                [&](std::size_t) {
                  lower(Cuda{},
                        op::AttendRows<FullAttention, cuda::AttendScratch>{{},
                                                                           reinterpret_cast<float*>(qkv.data()),
                                                                           n,
                                                                           heads,
                                                                           dim,
                                                                           0.1f,
                                                                           reinterpret_cast<float*>(out.data()),
                                                                           scratch},
                        m.stream());
                }),
         0.0, 4.0 * static_cast<double>(n * n * heads * dim), 1.0);
}

}  // namespace

void run() {
  const Measurement m;
  const double limit = read_limit(m);
  const Heads h8{"8B", 32, 8, 128}, h2{"2B", 16, 8, 128};
  for (std::size_t length : {128, 1024, 8192, 32768, 131072}) caches(m, limit, h8, 1, length, 1);
  for (std::size_t length : {1024, 8192, 131072}) caches(m, limit, h2, 1, length, 1);
  caches(m, limit, h8, 16, 4096, 1);
  for (std::size_t rows : {128, 391, 512, 2048, 4096, 16384}) caches(m, limit, h8, 1, rows, rows);
  caches(m, limit, h2, 1, 2048, 2048);
  caches(m, limit, h8, 1, 32768, 512);
  patches(m, 1024, 16, 72);
  patches(m, 1024, 16, 64);
  patches(m, 4096, 16, 72);
}

}  // namespace vlmt::cuda_bench

int main() {
  try {
    vlmt::cuda_bench::run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
