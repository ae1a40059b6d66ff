#include "tcpstack/counters.h"

const struct base_counter tcpstack_counter_rows[TCPSTACK_COUNTER_COUNT] = {
    TCPSTACK_COUNTERS(BASE_COUNTER_ROW)};
