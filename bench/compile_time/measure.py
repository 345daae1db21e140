#!/usr/bin/env python3
"""Measures compile time: CPU seconds and peak memory of every translation unit of a release build and of programs that
link nothing of vlmt, and the rebuild after a kernel header changes. Exits with 1 if a limit is exceeded.

    bench/compile_time/measure.py                    builds in build/compile-time and measures
    bench/compile_time/measure.py --headers-only     only the programs that link nothing

CPU seconds are user plus system time of the compiler: they hardly depend on how many compilers run at once."""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

UNIT_SECONDS, UNIT_MEGABYTES = 20.0, 1500.0  # seconds: units outside examples/ and bench/; megabytes: all units
PROGRAM_SECONDS = 10.0  # a unit of examples/ or bench/, which links vlmt_instances
# Sources here that are compiled alone, without vlmt_instances: seconds, megabytes.
HEADERS_ONLY = {
    "one_kernel.cpp": (3.0, 1200.0),  # one header of kernel/, one instantiation
    "empty_program.cpp": (6.0, 1200.0),
    "four_formats.cpp": (30.0, 1200.0),
    "all_formats.cpp": (60.0, 1200.0),
}
REBUILD_SECONDS = 60.0  # wall: all programs, after a kernel header changed
REBUILD_HEADER = ROOT / "include/vlmt/kernel/matmul.hpp"


def run(command, **kwargs):
    subprocess.run(command, check=True, cwd=ROOT, **kwargs)


def build(directory, log):
    log.unlink(missing_ok=True)
    run(["cmake", "--preset", "release", "-B", directory, f"-DCMAKE_CXX_COMPILER_LAUNCHER={HERE / 'record'}"],
        stdout=subprocess.DEVNULL)
    run(["cmake", "--build", directory, "--clean-first"], stdout=subprocess.DEVNULL,
        env={**os.environ, "VLMT_COMPILE_LOG": str(log)})


def read(log):
    """Source -> (seconds, megabytes); the maximum for a source that was compiled several times."""
    units = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        seconds, kilobytes, source = line.split(" ", 2)
        old = units.get(source, (0.0, 0.0))
        units[source] = (max(old[0], float(seconds)), max(old[1], float(kilobytes) / 1024))
    return units


def compile_alone(source):
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        run([HERE / "record", os.environ.get("CXX", "g++"), "-std=c++20", "-O2", "-march=native", "-fopenmp", "-I",
             ROOT / "include", "-c", source, "-o", pathlib.Path(folder) / "unit.o"],
            env={**os.environ, "VLMT_COMPILE_LOG": str(log)})
        return read(log)[str(source)]


def programs_of(directory):
    """Executables in bin/, by the target list of ninja."""
    output = subprocess.run(["ninja", "-C", directory, "-t", "targets", "all"], check=True, cwd=ROOT,
                            capture_output=True, text=True).stdout
    names = [line.split(":")[0] for line in output.splitlines() if "EXECUTABLE_LINKER" in line]
    return [name for name in names if name.startswith("bin/")]


def rebuild_seconds(directory):
    """Wall seconds to rebuild the programs after a kernel header changed."""
    targets = programs_of(directory)
    if not targets:
        return None
    run(["ninja", "-C", directory, *targets], stdout=subprocess.DEVNULL)
    os.utime(REBUILD_HEADER)
    begin = time.monotonic()
    run(["ninja", "-C", directory, *targets], stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def check_build(options, check):
    log = ROOT / "build" / "compile-time.log"
    log.parent.mkdir(exist_ok=True)
    build(options.build, log)
    units = read(log)
    print(f"{'seconds':>8} {'MB':>6}  translation unit")
    for source, (seconds, megabytes) in sorted(units.items(), key=lambda unit: -unit[1][0])[:options.top]:
        print(f"{seconds:8.1f} {megabytes:6.0f}  {os.path.relpath(source, ROOT)}")
    total = sum(seconds for seconds, _ in units.values())
    print(f"{total:8.1f} {max(m for _, m in units.values()):6.0f}  all {len(units)}: sum and largest")
    for source, (seconds, megabytes) in units.items():
        name = os.path.relpath(source, ROOT)
        limit = PROGRAM_SECONDS if name.startswith(("examples/", "bench/")) else UNIT_SECONDS
        check(name, seconds, limit, megabytes, UNIT_MEGABYTES)
    seconds = rebuild_seconds(options.build)
    if seconds is not None:
        print(f"{seconds:8.1f} {'':6}  rebuild of programs after touching {REBUILD_HEADER.name} (wall)")
        check("rebuild", seconds, REBUILD_SECONDS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/compile-time", help="build folder")
    parser.add_argument("--headers-only", action="store_true", help="no build")
    parser.add_argument("--top", type=int, default=25, help="rows of the table, slowest first")
    options = parser.parse_args()
    broken = []

    def check(what, seconds, limit, megabytes=0.0, most_megabytes=0.0):
        if seconds > limit:
            broken.append(f"{what}: {seconds:.1f} s, limit {limit:.0f} s")
        if megabytes > most_megabytes:
            broken.append(f"{what}: {megabytes:.0f} MB, limit {most_megabytes:.0f} MB")

    if not options.headers_only:
        check_build(options, check)
    print(f"{'seconds':>8} {'MB':>6}  headers only, one translation unit")
    for source, limits in HEADERS_ONLY.items():
        seconds, megabytes = compile_alone(HERE / source)
        print(f"{seconds:8.1f} {megabytes:6.0f}  {source}")
        check(source, seconds, limits[0], megabytes, limits[1])

    print("\n".join(broken) if broken else "all within limits")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
