// Compiled once; see vlmt/runtime/qwen3vl_instances.hpp.
#include "vlmt/runtime/qwen3vl_instances.hpp"

VLMT_BEGIN_NAMESPACE

template class Vlm<Qwen3VL>;
template class ChatModel<Qwen3VL>;
template void ChatModel<Qwen3VL>::load(OmpTeam&, const LoadProgress&, const StopFlag*);
template ChatModel<Qwen3VL> load<Qwen3VL>(const std::string&, const std::string&, const LoadOptions&);
template MemoryPlan plan_memory(const Vlm<Qwen3VL>&, const SessionOptions&, std::size_t, std::size_t);
template MemoryPlan plan_memory(const ChatModel<Qwen3VL>&, const SessionOptions&, std::size_t, std::size_t);
template RequestPlan plan_request(const ChatModel<Qwen3VL>&, SessionOptions, const VisionPreprocess&,
                                  const RequestSize&, const RequestLimits&);
template RequestPlan fit_request(const ChatModel<Qwen3VL>&, const SessionOptions&, std::span<ChatMessage>, std::size_t,
                                 const ChatOptions&, std::size_t, const RequestLimits&);
template VisionSpeed vision_speed<Qwen3VL>(const std::string&, const VisionSpeedOptions&);

VLMT_END_NAMESPACE
