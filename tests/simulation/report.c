#include "tests/simulation/report.h"

#include <stdarg.h>
#include <stdio.h>

void sim_fail(struct sim_report *report, const char *format, ...)
{
    if (report->failed)
        return;
    report->failed = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->what, sizeof report->what, format, arguments);
    va_end(arguments);
    sim_trace(report, "FAILED: %s", report->what);
}

void sim_trace(const struct sim_report *report, const char *format, ...)
{
    if (!report->trace)
        return;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%12.6f ", (double)report->now / 1e6);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}
