#include "load/report.h"

#include <inttypes.h>
#include <string.h>

const double load_curve[LOAD_CURVE_SIZE] = {0,  10,   20,    30,   40,    50,    60,     70,
                                            75, 80,   85,    90,   92.5,  95,    97.5,   98,
                                            99, 99.5, 99.75, 99.9, 99.95, 99.99, 99.999, 100};
static const double shown[] = {50, 90, 99, 99.9, 99.99};
enum { SHOWN = sizeof shown / sizeof shown[0] };

void load_report_add(struct load_report *report, const struct load_result *result,
                     const uint64_t *counters)
{
    report->result.due += result->due;
    report->result.answered += result->answered;
    for (unsigned i = 0; i < LOAD_KINDS; i++)
        report->result.answers_by_kind[i] += result->answers_by_kind[i];
    base_histogram_merge(&report->result.latency, &result->latency);
    base_histogram_merge(&report->result.service, &result->service);
    base_histogram_merge(&report->result.setup, &result->setup);
    for (unsigned i = 0; i < LOAD_COUNTER_COUNT; i++)
        report->counters[i] += counters[i];
}

bool load_report_passed(const struct load_report *report)
{
    for (unsigned i = 0; i < LOAD_COUNTER_COUNT; i++) {
        if (load_counter_rows[i].kind == BASE_COUNTER_DROP && report->counters[i] > 0)
            return false;
    }
    return true;
}

// ---- text

static void print_times(const char *name, const struct base_histogram *histogram, FILE *to)
{
    if (histogram->count == 0)
        return;
    fprintf(to, "%-10s %9.1f", name, base_histogram_mean(histogram) / 1000);
    for (unsigned i = 0; i < SHOWN; i++)
        fprintf(to, " %9.1f", (double)base_histogram_percentile(histogram, shown[i]) / 1000);
    fprintf(to, " %9.1f\n", (double)histogram->max / 1000);
}

static void print_counters(const struct load_report *report, enum base_counter_kind kind, FILE *to)
{
    for (unsigned i = 0; i < LOAD_COUNTER_COUNT; i++) {
        if (load_counter_rows[i].kind == kind && report->counters[i] > 0)
            fprintf(to, "  %-22s %12" PRIu64 "  %s\n", load_counter_rows[i].name,
                    report->counters[i], load_counter_rows[i].help);
    }
}

static void print_calls(const struct load_report *report, FILE *to)
{
    const struct load_options *o = report->options;
    if (o->rate > 0)
        fprintf(to, "open loop, %.0f calls/s wanted, %s arrivals", o->rate,
                o->arrivals == LOAD_FIXED ? "fixed" : "poisson");
    else
        fprintf(to, "closed loop");
    fprintf(to, "; %u connections, depth %u, mix %s, %.1f s after %.1f s of warm-up\n",
            o->connections, o->depth, o->mix, report->seconds, o->warmup);
    fprintf(to, "%.0f calls/s answered, %.0f begun",
            (double)report->result.answered / report->seconds,
            (double)report->result.due / report->seconds);
    for (unsigned i = 0; i < LOAD_KINDS; i++) {
        if (report->result.answers_by_kind[i] > 0)
            fprintf(to, "; %s %" PRIu64, load_kind_name((enum load_kind)i),
                    report->result.answers_by_kind[i]);
    }
    fprintf(to, "\n\n%-10s %9s", "us", "mean");
    for (unsigned i = 0; i < SHOWN; i++)
        fprintf(to, "    p%-5g", shown[i]);
    fprintf(to, " %9s\n", "max");
    print_times("latency", &report->result.latency, to);
    if (o->rate > 0)
        print_times("service", &report->result.service, to);
    print_times("setup", &report->result.setup, to);
    fputc('\n', to);
}

void load_report_print(const struct load_report *report, FILE *to)
{
    if (report->options->misbehaviour == LOAD_BEHAVES)
        print_calls(report, to);
    else
        fprintf(to, "%s: %u connections for %.1f s\n",
                load_misbehaviour_name(report->options->misbehaviour), report->options->connections,
                report->options->duration);
    print_counters(report, BASE_COUNTER_EVENT, to);
    if (load_report_passed(report)) {
        fprintf(to, "nothing wrong, nothing lost\n");
        return;
    }
    fprintf(to, "wrong or lost:\n");
    print_counters(report, BASE_COUNTER_DROP, to);
}

// ---- JSON

static json_t *times_json(const struct base_histogram *h)
{
    json_t *curve = json_array();
    for (unsigned i = 0; i < LOAD_CURVE_SIZE; i++)
        json_array_append_new(curve,
                              json_pack("[f, I]", load_curve[i],
                                        (json_int_t)base_histogram_percentile(h, load_curve[i])));
    return json_pack("{s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "count",
                     (json_int_t)h->count, "min", (json_int_t)(h->count ? h->min : 0), "mean",
                     base_histogram_mean(h), "p50", (json_int_t)base_histogram_percentile(h, 50),
                     "p90", (json_int_t)base_histogram_percentile(h, 90), "p99",
                     (json_int_t)base_histogram_percentile(h, 99), "p99.9",
                     (json_int_t)base_histogram_percentile(h, 99.9), "p99.99",
                     (json_int_t)base_histogram_percentile(h, 99.99), "max", (json_int_t)h->max,
                     "curve", curve);
}

static json_t *settings_json(const struct load_options *o)
{
    json_t *ports = o->device_count > 1 ? json_array() : NULL;
    for (unsigned i = 0; ports && i < o->device_count; i++)
        json_array_append_new(ports, json_string(o->devices[i]));
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:s, s:f, s:s, s:f, s:f, s:s, s:i, s:s*, s:o*}",
                     "port", o->devices[0], "target", o->target_text, "mix", o->mix, "connections",
                     (int)o->connections, "depth", (int)o->depth, "loop",
                     o->rate > 0 ? "open" : "closed", "rate", o->rate, "arrivals",
                     o->arrivals == LOAD_FIXED ? "fixed" : "poisson", "duration_s", o->duration,
                     "warmup_s", o->warmup, "misbehave", load_misbehaviour_name(o->misbehaviour),
                     "workers", (int)o->core_count, "pcap", o->pcap, "ports", ports);
}

static json_t *kinds_json(const struct load_result *result)
{
    json_t *kinds = json_object();
    for (unsigned i = 0; i < LOAD_KINDS; i++)
        json_object_set_new(kinds, load_kind_name((enum load_kind)i),
                            json_integer((json_int_t)result->answers_by_kind[i]));
    return kinds;
}

static json_t *counters_json(const struct load_report *report)
{
    json_t *counters = json_object();
    for (unsigned i = 0; i < LOAD_COUNTER_COUNT; i++)
        json_object_set_new(counters, load_counter_rows[i].name,
                            json_integer((json_int_t)report->counters[i]));
    return counters;
}

json_t *load_report_json(const struct load_report *r)
{
    return json_pack("{s:i, s:s, s:o, s:b, s:f, s:f, s:f, s:o, s:o, s:o, s:o, s:o}", "schema",
                     LOAD_SCHEMA, "program", "portolan-load " PORTOLAN_VERSION, "settings",
                     settings_json(r->options), "passed", load_report_passed(r), "seconds",
                     r->seconds, "offered_per_s", (double)r->result.due / r->seconds,
                     "answered_per_s", (double)r->result.answered / r->seconds, "answered_by_kind",
                     kinds_json(&r->result), "latency_ns", times_json(&r->result.latency),
                     "service_ns", times_json(&r->result.service), "setup_ns",
                     times_json(&r->result.setup), "counters", counters_json(r));
}
