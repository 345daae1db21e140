"""Python interface of raster.cu: builds it with g++ or nvcc on first use, and renders batches of equal-sized images."""

import ctypes
import hashlib
import os
import pathlib
import subprocess
import tempfile

import numpy as np

_SOURCE = pathlib.Path(__file__).with_name("raster.cu")
_CACHE = pathlib.Path(os.environ.get("TINY_VLM_BUILD", os.path.join(tempfile.gettempdir(), "tiny_vlm_build")))
_LOADED = {}


def _library(gpu):
    """The compiled rasteriser, cached by a hash of its source."""
    if gpu in _LOADED:
        return _LOADED[gpu]
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    path = _CACHE / f"raster_{'gpu' if gpu else 'cpu'}_{digest}.so"
    if not path.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        part = str(path) + f".{os.getpid()}"
        command = (
            ["nvcc", "-O3", "-arch=native", "-shared", "-Xcompiler", "-fPIC", str(_SOURCE), "-o", part]
            if gpu
            else ["g++", "-O2", "-fno-math-errno", "-shared", "-fPIC", "-x", "c++", str(_SOURCE), "-o", part]
        )
        subprocess.run(command, check=True)
        os.replace(part, path)
    library = ctypes.CDLL(str(path))
    f, i = ctypes.c_void_p, ctypes.c_int
    if gpu:
        library.render_gpu.argtypes = [f, i, f, f, i, i, f, f, i, i, f]
    library.render_cpu.argtypes = [f, i, f, f, i, i, f, f, i, i]
    _LOADED[gpu] = library
    return library


def render(images, primitives, atlas, height, width):
    """images (n, 32), primitives (m, 16) float32 -> (n, height, width, 3) uint8. Runs on the calling thread."""
    images = np.ascontiguousarray(images, np.float32)
    primitives = np.ascontiguousarray(primitives, np.float32)
    out = np.empty((len(images), height, width, 3), np.uint8)
    shaded = np.empty((height, width, 3), np.float32)
    pointer = lambda a: a.ctypes.data
    _library(False).render_cpu(
        pointer(images),
        len(images),
        pointer(primitives),
        pointer(atlas),
        atlas.shape[1],
        atlas.shape[0],
        pointer(shaded),
        pointer(out),
        height,
        width,
    )
    return out


def render_tensors(images, primitives, atlas, height, width, out=None):
    """The same for tensors. If `images` is on the GPU, renders there, into `out` if given; on the CPU ignores `out`."""
    import torch

    if not images.is_cuda:
        return torch.from_numpy(render(images.numpy(), primitives.numpy(), atlas.numpy(), height, width))
    n = len(images)
    if out is None:
        out = torch.empty((n, height, width, 3), dtype=torch.uint8, device=images.device)
    shaded = torch.empty((n, height, width, 3), dtype=torch.float32, device=images.device)
    code = _library(True).render_gpu(
        images.data_ptr(),
        n,
        primitives.data_ptr(),
        atlas.data_ptr(),
        atlas.shape[1],
        atlas.shape[0],
        shaded.data_ptr(),
        out.data_ptr(),
        height,
        width,
        torch.cuda.current_stream().cuda_stream,
    )
    if code:
        raise RuntimeError(f"render_gpu failed with CUDA error {code}")
    return out
