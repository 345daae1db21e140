// Unpack of every quantised weight format of the library.
#pragma once

#include "vlmt/kernel/cpu/unpack/k236.hpp"
#include "vlmt/kernel/cpu/unpack/k45.hpp"
#include "vlmt/kernel/cpu/unpack/legacy.hpp"
#include "vlmt/kernel/cpu/unpack/q8_0.hpp"
#include "vlmt/kernel/cpu/unpack/tables.hpp"
