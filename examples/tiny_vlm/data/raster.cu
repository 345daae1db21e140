// Rasteriser for lists of primitives. nvcc builds it as GPU kernels, g++ (-x c++) as plain loops over the same shading
// code, so that training and held-out images come from the same arithmetic.
//
// An image is 32 floats (enum P), a primitive 16 floats (enum Q). Primitives are painted in order. Colours are in 0..1.
#include <math.h>
#include <stdint.h>

#ifdef __CUDACC__
#include <cuda_runtime.h>
#define FN __host__ __device__ inline
#else
#define FN inline
#endif

enum P { kWidth, kHeight, kAffine, kBack0 = 8, kBack1 = 11, kGradCos = 14, kGradSin, kTexture, kCell, kBlur, kNoise, kGain, kOffset,
         kPixelate, kSeed, kFirst, kCount, kLight, kLightCos, kLightSin, kImageFloats = 32 };
enum Q { qKind, qX, qY, qHalfW, qHalfH, qCos, qSin, qR, qG, qB, qA, q0, q1, q2, qStroke, qWeight, kPrimitiveFloats };
enum Kind { kBox, kEllipse, kStar, kCross, kHeart, kGlyph };

FN float clamp01(float x) { return fminf(1.f, fmaxf(0.f, x)); }

FN uint32_t hash32(uint32_t x) {  // integer mixer, good enough for noise
  x ^= x >> 16; x *= 0x7feb352dU; x ^= x >> 15; x *= 0x846ca68bU; x ^= x >> 16;
  return x;
}
FN uint32_t hash_at(uint32_t seed, int x, int y, int c) { return hash32(hash32(hash32(seed + 0x9e3779b9U * c) ^ (uint32_t)x) + (uint32_t)y * 0x85ebca6bU); }
FN float uniform_at(uint32_t seed, int x, int y, int c) { return (hash_at(seed, x, y, c) >> 8) * (1.f / 16777216.f); }
FN float normal_at(uint32_t seed, int x, int y, int c) {  // approximately normal, variance 1: sum of four uniform bytes
  uint32_t h = hash_at(seed, x, y, c);
  float s = (float)((h & 255) + ((h >> 8) & 255) + ((h >> 16) & 255) + (h >> 24));
  return (s - 510.f) * (1.f / 147.8f);
}

FN float value_noise(uint32_t seed, float x, float y) {
  int ix = (int)floorf(x), iy = (int)floorf(y);
  float fx = x - ix, fy = y - iy;
  fx = fx * fx * (3.f - 2.f * fx); fy = fy * fy * (3.f - 2.f * fy);
  float a = uniform_at(seed, ix, iy, 7), b = uniform_at(seed, ix + 1, iy, 7), c = uniform_at(seed, ix, iy + 1, 7), d = uniform_at(seed, ix + 1, iy + 1, 7);
  return (a + (b - a) * fx) * (1.f - fy) + (c + (d - c) * fx) * fy - 0.5f;
}

FN float box_distance(float x, float y, float hw, float hh, float radius) {
  float dx = fabsf(x) - hw + radius, dy = fabsf(y) - hh + radius;
  float ox = fmaxf(dx, 0.f), oy = fmaxf(dy, 0.f);
  return sqrtf(ox * ox + oy * oy) + fminf(fmaxf(dx, dy), 0.f) - radius;
}

// Signed distance of the scene point (x, y) to the outline of primitive q; negative inside.
FN float distance_to(const float* q, float x, float y, const uint8_t* atlas, int atlas_w, int atlas_h) {
  float rx = x - q[qX], ry = y - q[qY];
  float u = q[qCos] * rx + q[qSin] * ry, v = q[qCos] * ry - q[qSin] * rx;
  float hw = q[qHalfW], hh = q[qHalfH], d;
  switch ((int)q[qKind]) {
    case kBox: d = box_distance(u, v, hw, hh, q[q0]); break;
    case kEllipse: {
      float k = sqrtf(u * u / (hw * hw) + v * v / (hh * hh));
      float g = sqrtf(u * u / (hw * hw * hw * hw) + v * v / (hh * hh * hh * hh));
      d = g > 1e-6f ? k * (k - 1.f) / g : -fminf(hw, hh);
      break;
    }
    case kStar: {  // q0: number of points, q1: inner / outer radius; the first point is at the top
      float wedge = 3.14159265f / q[q0];
      float angle = atan2f(u, -v), length = sqrtf(u * u + v * v);
      angle = fabsf(angle - 2.f * wedge * floorf(angle / (2.f * wedge) + 0.5f));
      float px = length * cosf(angle), py = length * sinf(angle);
      float ix = hw * q[q1] * cosf(wedge), iy = hw * q[q1] * sinf(wedge), ex = ix - hw, ey = iy;
      float t = clamp01(((px - hw) * ex + py * ey) / (ex * ex + ey * ey));
      float cx = px - hw - ex * t, cy = py - ey * t;
      d = sqrtf(cx * cx + cy * cy);
      if ((px - hw) * ey - py * ex < 0.f) d = -d;
      break;
    }
    case kCross: d = fminf(box_distance(u, v, hw, hw * q[q0], 0.f), box_distance(u, v, hw * q[q0], hw, 0.f)); break;
    case kHeart: {
      float px = fabsf(u) / (hw * 0.87f), py = 0.52f - v / (hw * 0.87f);
      if (px + py > 1.f) {
        d = sqrtf((px - .25f) * (px - .25f) + (py - .75f) * (py - .75f)) - 0.35355339f;
      } else {
        float m = 0.5f * fmaxf(px + py, 0.f), a = px * px + (py - 1.f) * (py - 1.f), b = (px - m) * (px - m) + (py - m) * (py - m);
        d = sqrtf(fminf(a, b)) * (px > py ? 1.f : -1.f);
      }
      d *= hw * 0.87f;
      break;
    }
    default: {  // glyph: q0, q1 position in the atlas, q2 scene units per atlas pixel, qStroke slant
      u += q[qStroke] * v;
      float ax = q[q0] + (u + hw) / q[q2] - 0.5f, ay = q[q1] + (v + hh) / q[q2] - 0.5f;
      float x_end = q[q0] + 2.f * hw / q[q2] - 1.f, y_end = q[q1] + 2.f * hh / q[q2] - 1.f;
      if (ax < q[q0] - 0.5f || ay < q[q1] - 0.5f || ax > x_end + 0.5f || ay > y_end + 0.5f) return 1e9f;
      ax = fminf(fmaxf(ax, q[q0]), x_end); ay = fminf(fmaxf(ay, q[q1]), y_end);
      int x0 = (int)ax, y0 = (int)ay, x1 = x0 + 1 < atlas_w ? x0 + 1 : x0, y1 = y0 + 1 < atlas_h ? y0 + 1 : y0;
      float fx = ax - x0, fy = ay - y0;
      float top = atlas[y0 * atlas_w + x0] * (1.f - fx) + atlas[y0 * atlas_w + x1] * fx;
      float bottom = atlas[y1 * atlas_w + x0] * (1.f - fx) + atlas[y1 * atlas_w + x1] * fx;
      float field = top * (1.f - fy) + bottom * fy;  // 127.5 on the outline; 0 and 255 are 4 atlas pixels away
      return (127.5f - field) * (4.f / 127.5f) * q[q2] - q[qWeight];
    }
  }
  return (q[qStroke] > 0.f ? fabsf(d) - q[qStroke] : d) - q[qWeight];
}

// True if the primitive may touch the circle around scene point (x, y). Conservative.
FN bool touches(const float* q, float x, float y, float radius) {
  float reach = radius + q[qStroke] + fmaxf(q[qWeight], 0.f) + 2.f;
  float rx = x - q[qX], ry = y - q[qY];
  float u = fabsf(q[qCos] * rx + q[qSin] * ry), v = fabsf(q[qCos] * ry - q[qSin] * rx);
  float hh = (int)q[qKind] >= kStar && (int)q[qKind] <= kHeart ? q[qHalfW] * 1.1f : q[qHalfH];
  float hw = (int)q[qKind] == kGlyph ? q[qHalfW] + q[qHalfH] * 0.5f : q[qHalfW] * 1.1f;
  return u < hw + reach && v < hh + reach;
}

FN void to_scene(const float* p, float px, float py, float* x, float* y) {
  const float* m = p + kAffine;
  *x = m[0] * px + m[1] * py + m[2];
  *y = m[3] * px + m[4] * py + m[5];
}
FN float footprint(const float* p) { return sqrtf(fabsf(p[kAffine] * p[kAffine + 4] - p[kAffine + 1] * p[kAffine + 3])); }

// Colour of pixel (px, py): background, texture, then the listed primitives.
FN void shade(const float* p, const float* primitives, const short* list, int n_list, const uint8_t* atlas, int aw, int ah, int px, int py, float* rgb) {
  float cell = p[kPixelate], sx = px + 0.5f, sy = py + 0.5f;
  if (cell > 1.f) { sx = (floorf(sx / cell) + 0.5f) * cell; sy = (floorf(sy / cell) + 0.5f) * cell; }
  float x, y;
  to_scene(p, sx, sy, &x, &y);
  float t = clamp01(0.5f + (sx / p[kWidth] - 0.5f) * p[kGradCos] + (sy / p[kHeight] - 0.5f) * p[kGradSin]);
  float grain = p[kTexture] > 0.f ? p[kTexture] * value_noise((uint32_t)p[kSeed], sx / p[kCell], sy / p[kCell]) : 0.f;
  for (int c = 0; c < 3; ++c) rgb[c] = p[kBack0 + c] + (p[kBack1 + c] - p[kBack0 + c]) * t + grain;
  float inverse = 1.f / footprint(p);
  for (int i = 0; i < n_list; ++i) {
    const float* q = primitives + (size_t)list[i] * kPrimitiveFloats;
    float coverage = clamp01(0.5f - distance_to(q, x, y, atlas, aw, ah) * inverse) * q[qA];
    if (coverage > 0.f) for (int c = 0; c < 3; ++c) rgb[c] += (q[qR + c] - rgb[c]) * coverage;
  }
}

// One 8-bit output pixel from the shaded image (floats, rows of width * 3): blur, light and noise.
FN void develop(const float* p, const float* shaded, int px, int py, uint8_t* out) {
  int w = (int)p[kWidth], h = (int)p[kHeight];
  float rgb[3];
  if (p[kBlur] > 0.05f) {
    int r = (int)ceilf(2.5f * p[kBlur]);
    float total = 0.f, k = -0.5f / (p[kBlur] * p[kBlur]);
    rgb[0] = rgb[1] = rgb[2] = 0.f;
    for (int dy = -r; dy <= r; ++dy)
      for (int dx = -r; dx <= r; ++dx) {
        int x = px + dx < 0 ? 0 : px + dx >= w ? w - 1 : px + dx, y = py + dy < 0 ? 0 : py + dy >= h ? h - 1 : py + dy;
        float weight = expf(k * (dx * dx + dy * dy));
        total += weight;
        for (int c = 0; c < 3; ++c) rgb[c] += weight * shaded[((size_t)y * w + x) * 3 + c];
      }
    for (int c = 0; c < 3; ++c) rgb[c] /= total;
  } else {
    for (int c = 0; c < 3; ++c) rgb[c] = shaded[((size_t)py * w + px) * 3 + c];
  }
  float light = 1.f + p[kLight] * ((px / p[kWidth] - 0.5f) * p[kLightCos] + (py / p[kHeight] - 0.5f) * p[kLightSin]);
  for (int c = 0; c < 3; ++c) {
    float v = rgb[c] * light * p[kGain] + p[kOffset];
    if (p[kNoise] > 0.f) v += p[kNoise] * normal_at((uint32_t)p[kSeed] + 77u, px, py, c);
    out[c] = (uint8_t)(clamp01(v) * 255.f + 0.5f);
  }
}

constexpr int kTile = 16, kMaxListed = 1024;

#ifdef __CUDACC__
__global__ void shade_kernel(const float* images, const float* primitives, const uint8_t* atlas, int aw, int ah, float* shaded, int height, int width) {
  __shared__ short list[kMaxListed];
  __shared__ unsigned char hit[kMaxListed];
  __shared__ int n_list;
  const float* p = images + (size_t)blockIdx.z * kImageFloats;
  int first = (int)p[kFirst], count = min((int)p[kCount], kMaxListed), thread = threadIdx.y * kTile + threadIdx.x;
  const float* mine = primitives + (size_t)first * kPrimitiveFloats;
  float cx, cy;
  to_scene(p, blockIdx.x * kTile + kTile / 2, blockIdx.y * kTile + kTile / 2, &cx, &cy);
  float radius = (kTile * 0.7072f + p[kPixelate]) * footprint(p) * 1.3f;
  for (int i = thread; i < count; i += kTile * kTile) hit[i] = touches(mine + (size_t)i * kPrimitiveFloats, cx, cy, radius);
  __syncthreads();
  if (thread == 0) {
    n_list = 0;
    for (int i = 0; i < count; ++i) if (hit[i]) list[n_list++] = (short)i;
  }
  __syncthreads();
  int x = blockIdx.x * kTile + threadIdx.x, y = blockIdx.y * kTile + threadIdx.y;
  if (x < width && y < height) shade(p, mine, list, n_list, atlas, aw, ah, x, y, shaded + (((size_t)blockIdx.z * height + y) * width + x) * 3);
}
__global__ void develop_kernel(const float* images, const float* shaded, uint8_t* out, int height, int width) {
  int x = blockIdx.x * kTile + threadIdx.x, y = blockIdx.y * kTile + threadIdx.y;
  size_t image = (size_t)blockIdx.z * height * width;
  if (x < width && y < height) develop(images + (size_t)blockIdx.z * kImageFloats, shaded + image * 3, x, y, out + (image + (size_t)y * width + x) * 3);
}
// All pointers are device pointers; `shaded`: n * height * width * 3 floats, `out`: as many bytes. Returns a cudaError_t.
extern "C" int render_gpu(const float* images, int n, const float* primitives, const uint8_t* atlas, int aw, int ah, float* shaded, uint8_t* out, int height, int width, void* stream) {
  dim3 grid((width + kTile - 1) / kTile, (height + kTile - 1) / kTile, n), block(kTile, kTile);
  shade_kernel<<<grid, block, 0, (cudaStream_t)stream>>>(images, primitives, atlas, aw, ah, shaded, height, width);
  develop_kernel<<<grid, block, 0, (cudaStream_t)stream>>>(images, shaded, out, height, width);
  return (int)cudaGetLastError();
}
#endif

// The same on the calling thread; `shaded` holds one image only. Returns 0.
extern "C" int render_cpu(const float* images, int n, const float* primitives, const uint8_t* atlas, int aw, int ah, float* shaded, uint8_t* out, int height, int width) {
  short list[kMaxListed];
  for (int b = 0; b < n; ++b) {
    const float* p = images + (size_t)b * kImageFloats;
    const float* mine = primitives + (size_t)p[kFirst] * kPrimitiveFloats;
    int count = (int)p[kCount] < kMaxListed ? (int)p[kCount] : kMaxListed;
    for (int ty = 0; ty < height; ty += kTile)
      for (int tx = 0; tx < width; tx += kTile) {
        float cx, cy, radius = (kTile * 0.7072f + p[kPixelate]) * footprint(p) * 1.3f;
        to_scene(p, tx + kTile / 2, ty + kTile / 2, &cx, &cy);
        int n_list = 0;
        for (int i = 0; i < count; ++i) if (touches(mine + (size_t)i * kPrimitiveFloats, cx, cy, radius)) list[n_list++] = (short)i;
        for (int y = ty; y < ty + kTile && y < height; ++y)
          for (int x = tx; x < tx + kTile && x < width; ++x) shade(p, mine, list, n_list, atlas, aw, ah, x, y, shaded + ((size_t)y * width + x) * 3);
      }
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) develop(p, shaded, x, y, out + (((size_t)b * height + y) * width + x) * 3);
  }
  return 0;
}
