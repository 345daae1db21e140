#!/usr/bin/env bash
# The tables of docs/performance.md: every model in a folder, beside each peer in turn.
#
#   bench/table.sh MODELS [PEER...]      PEER: the command line of a bench that takes llama-bench's options
#
# MODELS holds NAME-QUANT.gguf files and, for pictures, NAME-mmproj-f16.gguf. Environment: BENCH (vlmt-bench), RUNS,
# PEER_VISION (command line of a peer's picture encoder, see vlmt-bench --help).
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
for tower in "$models"/*-mmproj-f16.gguf; do
  [[ -e $tower ]] || continue
  partner=("${tower%-mmproj-f16.gguf}"-q*.gguf)
  for numerics in fast exact; do
    "$bench" -m "${partner[0]}" --mmproj "$tower" -r "$runs" -p 0 -n 0 --picture 512x512 --numerics "$numerics" \
      ${PEER_VISION:+--against-vision "$PEER_VISION"}
  done
done
