// The one log front end. Never called from the fast path (scripts/lint holds that).
#pragma once

enum base_log_level { BASE_LOG_ERROR, BASE_LOG_WARNING, BASE_LOG_INFO, BASE_LOG_DEBUG };

// Messages above `level` are discarded. Call before threads start; the default is INFO.
void base_log_set_level(enum base_log_level level);

// Writes one line to stderr: the program's name, the level and the message (printf form, without a
// newline). Any control thread; lines of concurrent callers do not mix.
void base_log(enum base_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define base_error(...)   base_log(BASE_LOG_ERROR, __VA_ARGS__)
#define base_warning(...) base_log(BASE_LOG_WARNING, __VA_ARGS__)
#define base_info(...)    base_log(BASE_LOG_INFO, __VA_ARGS__)
#define base_debug(...)   base_log(BASE_LOG_DEBUG, __VA_ARGS__)
