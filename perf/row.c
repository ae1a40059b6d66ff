#include "perf/row.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

enum { SCHEMA = 1 };

struct perf_row perf_row_make(const char *group, const char *unit, const char *name, ...)
{
    struct perf_row row = {.group = group, .unit = unit, .correct = true};
    va_list arguments;
    va_start(arguments, name);
    vsnprintf(row.name, sizeof row.name, name, arguments);
    va_end(arguments);
    return row;
}

void perf_row_add(struct perf_row *row, double value)
{
    if (row->rounds < PERF_ROUNDS_MAX)
        row->values[row->rounds++] = value;
}

static void add_part(struct perf_parts *parts, struct perf_part part)
{
    if (parts->count < PERF_PARTS_MAX)
        parts->parts[parts->count++] = part;
}

void perf_parts_add(struct perf_parts *parts, const char *name, double number)
{
    add_part(parts, (struct perf_part){.name = name, .number = number});
}

void perf_parts_add_text(struct perf_parts *parts, const char *name, const char *text)
{
    add_part(parts, (struct perf_part){.name = name, .text = text});
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double perf_row_median(const struct perf_row *row)
{
    double sorted[PERF_ROUNDS_MAX];
    unsigned count = row->rounds;
    if (count == 0)
        return 0;
    memcpy(sorted, row->values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_value);
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

double perf_row_low(const struct perf_row *row)
{
    double low = row->rounds ? row->values[0] : 0;
    for (unsigned i = 1; i < row->rounds; i++)
        low = row->values[i] < low ? row->values[i] : low;
    return low;
}

double perf_row_high(const struct perf_row *row)
{
    double high = row->rounds ? row->values[0] : 0;
    for (unsigned i = 1; i < row->rounds; i++)
        high = row->values[i] > high ? row->values[i] : high;
    return high;
}

static bool is_time(const struct perf_row *row)
{
    return strncmp(row->unit, "ns/", 3) == 0;
}

double perf_row_cycles(const struct perf_row *row, double tsc_hz)
{
    return is_time(row) ? perf_row_median(row) * tsc_hz / 1e9 : -1;
}

// Of rates and ratios more is better; of times and sizes less.
static bool more_is_better(const struct perf_row *row)
{
    size_t size = strlen(row->unit);
    return strcmp(row->unit, "times") == 0 || (size > 2 && strcmp(row->unit + size - 2, "/s") == 0);
}

// Three digits that count, but no cut integers.
static const char *format_number(double value, char text[32])
{
    int decimals = value >= 100 || value <= -100 ? 0 : value >= 10 || value <= -10 ? 1 : 2;
    snprintf(text, 32, "%.*f", decimals, value);
    return text;
}

static void print_stages(const struct perf_parts *stages, FILE *out)
{
    if (stages->count == 0)
        return;
    char text[32];
    fprintf(out, "  of which");
    for (unsigned i = 0; i < stages->count; i++)
        fprintf(out, "%s %s %s ns", i ? "," : "", stages->parts[i].name,
                format_number(stages->parts[i].number, text));
    fprintf(out, " (mean)\n");
}

void perf_row_print(const struct perf_row *row, double tsc_hz, FILE *out)
{
    char median[32], low[32], high[32], limit[32];
    fprintf(out, "%s: median %s %s", row->name, format_number(perf_row_median(row), median),
            row->unit);
    if (is_time(row))
        fprintf(out, " = %.0f TSC cycles", perf_row_cycles(row, tsc_hz));
    fprintf(out, " (range %s to %s, %u rounds)", format_number(perf_row_low(row), low),
            format_number(perf_row_high(row), high), row->rounds);
    if (row->limit.name)
        fprintf(out, "; %s: %s", row->limit.name, format_number(row->limit.number, limit));
    fprintf(out, "%s\n", row->correct ? "" : "; WRONG ANSWERS");
    print_stages(&row->stages, out);
}

// Counts as integers, so that 1000 connections are not 1000.0.
static json_t *json_of_number(double value)
{
    if (value > -1e15 && value < 1e15 && value == (double)(json_int_t)value)
        return json_integer((json_int_t)value);
    return json_real(value);
}

static json_t *json_of_parts(const struct perf_parts *parts)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < parts->count; i++) {
        const struct perf_part *part = &parts->parts[i];
        json_object_set_new(object, part->name,
                            part->text ? json_string(part->text) : json_of_number(part->number));
    }
    return object;
}

static json_t *json_of_row(const struct perf_row *row, double tsc_hz)
{
    double median = perf_row_median(row);
    bool time = is_time(row) && median > 0;
    json_t *object =
        json_pack("{si ss ss ss so so so si so so so sb}", "schema", SCHEMA, "row", row->name,
                  "group", row->group, "unit", row->unit, "median", json_of_number(median), "low",
                  json_of_number(perf_row_low(row)), "high", json_of_number(perf_row_high(row)),
                  "rounds", (int)row->rounds, "cycles",
                  time ? json_of_number(perf_row_cycles(row, tsc_hz)) : json_null(), "per_second",
                  time ? json_of_number(1e9 / median) : json_null(), "stages",
                  json_of_parts(&row->stages), "correct", (int)row->correct);
    if (row->limit.name)
        json_object_set_new(object, "limit",
                            json_pack("{ss so}", "what", row->limit.name, "value",
                                      json_of_number(row->limit.number)));
    json_object_set_new(object, "better", json_string(more_is_better(row) ? "more" : "less"));
    json_object_set_new(object, "settings", json_of_parts(&row->settings));
    return object;
}

bool perf_row_print_json(const struct perf_row *row, double tsc_hz, FILE *out)
{
    json_t *object = json_of_row(row, tsc_hz);
    if (!object)
        return false;
    bool written = json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(6)) == 0;
    json_decref(object);
    return written && fputc('\n', out) != EOF;
}
