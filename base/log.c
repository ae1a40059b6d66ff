#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum base_log_level max_level = BASE_LOG_INFO;

void base_log_set_level(enum base_log_level level)
{
    max_level = level;
}

void base_log(enum base_log_level level, const char *format, ...)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    if (level > max_level)
        return;
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, names[level], message);
}
