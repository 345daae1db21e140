// A runner on a model that is destroyed at the end of the statement.
// expect: vlmt: the model must outlive its runner
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/model/qwen3vl.hpp"
#include "vlmt/runtime/runner.hpp"

using Model = vlmt::Vlm<vlmt::Qwen3VL>;

vlmt::Runner<vlmt::Qwen3VL, vlmt::OmpTeam> make(const Model& model, vlmt::OmpTeam& team) {
#if VLMT_FIXED
  return {model, team, {}};
#else
  return {Model::open("model.gguf"), team, {}};
#endif
}
