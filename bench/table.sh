#!/usr/bin/env bash
# Measures the tables of docs/performance.md: every model of a folder against each peer.
#
#   bench/table.sh MODELS [PEER...]      PEER: command line of a benchmark with llama-bench's options
#
# MODELS is a folder of NAME-QUANT.gguf files and, for the vision rows, NAME-mmproj-f16.gguf.
# Environment: BENCH (path of vlmt-bench), RUNS (repetitions, default 7), PEER_VISION (command line of a peer's image
# encoder, see vlmt-bench --help).
set -euo pipefail
bench=${BENCH:-$(dirname "$0")/../build/release/bin/vlmt-bench}
runs=${RUNS:-7}
models=$1
shift
[[ $# -gt 0 ]] || set -- ""
for model in "$models"/*.gguf; do
  [[ $model != *mmproj* ]] || continue
  for peer in "$@"; do
    "$bench" -m "$model" -r "$runs" -p 256 -n 32 ${peer:+--against "$peer"}
  done
done
for vision in "$models"/*-mmproj-f16.gguf; do
  [[ -e $vision ]] || continue
  partner=("${vision%-mmproj-f16.gguf}"-q*.gguf)
  for numerics in fast exact; do
    "$bench" -m "${partner[0]}" --mmproj "$vision" -r "$runs" -p 0 -n 0 --image 512x512 --numerics "$numerics" \
      ${PEER_VISION:+--against-vision "$PEER_VISION"}
  done
done
