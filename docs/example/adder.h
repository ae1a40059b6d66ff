// adder 1.0, the example of docs/adding-an-interface.md.
#pragma once

#include "rpc/interface.h"

extern const struct rpc_interface adder;
