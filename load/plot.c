#include "load/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <jansson.h>

#include "base/log.h"
#include "load/report.h"

// One run of a file; a search has one per step.
struct point {
    const char *file;
    double rate; // answered
    const json_t *latency;
};

enum { POINTS_MAX = 256 };

struct picture {
    json_t *documents[POINTS_MAX];
    unsigned document_count;
    struct point points[POINTS_MAX];
    unsigned count;
};

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void add_point(struct picture *p, const char *file, const json_t *run)
{
    const json_t *latency = json_object_get(run, "latency_ns");
    if (p->count == POINTS_MAX || number(latency, "count") == 0)
        return;
    p->points[p->count++] =
        (struct point){.file = file, .rate = number(run, "answered_per_s"), .latency = latency};
}

static bool read_file(struct picture *p, const char *file)
{
    json_error_t error;
    json_t *run = json_load_file(file, 0, &error);
    if (!run) {
        base_error("%s:%d:%d: %s; expected what portolan-load --json wrote", file, error.line,
                   error.column, error.text);
        return false;
    }
    p->documents[p->document_count++] = run;
    if (number(run, "schema") != LOAD_SCHEMA) {
        base_error("%s: found \"schema\": %g, expected %d", file, number(run, "schema"),
                   LOAD_SCHEMA);
        return false;
    }
    size_t index;
    json_t *step;
    json_array_foreach(json_object_get(run, "steps"), index, step) add_point(p, file, step);
    if (index == 0)
        add_point(p, file, run);
    return true;
}

static int by_rate(const void *a, const void *b)
{
    double x = ((const struct point *)a)->rate, y = ((const struct point *)b)->rate;
    return (x > y) - (x < y);
}

// ---- gnuplot

static void write_head(const struct picture *p, const char *output, FILE *to)
{
    bool svg = strcmp(strrchr(output, '.'), ".svg") == 0;
    fprintf(to, "set terminal %s size 1200,600\nset output '%s'\n",
            svg ? "svg background rgb 'white'" : "png", output);
    fputs("set multiplot layout 1,2\nset grid\nset logscale y\n"
          "set ylabel 'latency, us'\nset key outside below font ',9'\n",
          to);
    fprintf(to, "set title 'latency against rate (%u runs)'\n", p->count);
}

static void write_rates(const struct picture *p, FILE *to)
{
    static const char *const percentiles[] = {"p50", "p99", "p99.9"};
    fputs("set xlabel 'answered, thousand calls/s'\nset xrange [0:*]\nplot ", to);
    for (unsigned i = 0; i < 3; i++)
        fprintf(to, "%s'-' using 1:2 with linespoints pointtype 7 title '%s'", i ? ", " : "",
                percentiles[i]);
    fputc('\n', to);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned point = 0; point < p->count; point++)
            fprintf(to, "%g %g\n", p->points[point].rate / 1000,
                    number(p->points[point].latency, percentiles[i]) / 1000);
        fputs("e\n", to);
    }
}

// Percentiles by their number of nines: 0, 90, 99, 99.9 ... are equally far apart.
static void write_curves(const struct picture *p, FILE *to)
{
    fputs("set title 'percentiles of each run'\nset xlabel 'percentile'\nset xrange [0:5]\n"
          "set xtics ('0' 0, '50' 0.301, '90' 1, '99' 2, '99.9' 3, '99.99' 4, '99.999' 5)\nplot ",
          to);
    for (unsigned i = 0; i < p->count; i++)
        fprintf(to, "%s'-' using 1:2 with lines linewidth 2 title \"%s, %.0f/s\" noenhanced",
                i ? ", " : "", p->points[i].file, p->points[i].rate);
    fputc('\n', to);
    for (unsigned i = 0; i < p->count; i++) {
        size_t index;
        json_t *pair;
        json_array_foreach(json_object_get(p->points[i].latency, "curve"), index, pair)
        {
            double percent = json_number_value(json_array_get(pair, 0));
            double ns = json_number_value(json_array_get(pair, 1));
            if (percent < 100)
                fprintf(to, "%g %g\n", log10(100 / (100 - percent)), ns / 1000);
        }
        fputs("e\n", to);
    }
    fputs("unset multiplot\n", to);
}

static int draw(const struct picture *p, const char *output)
{
    FILE *gnuplot = popen("gnuplot", "w");
    if (!gnuplot) {
        base_error("gnuplot does not start");
        return EX_OSERR;
    }
    write_head(p, output, gnuplot);
    write_rates(p, gnuplot);
    write_curves(p, gnuplot);
    int status = pclose(gnuplot);
    if (status == 0)
        return 0;
    base_error("gnuplot failed; is it there (package gnuplot-nox), and is %s writable?", output);
    return EX_UNAVAILABLE;
}

int load_plot(const struct load_options *options)
{
    static struct picture p;
    int result = 0;
    p.document_count = p.count = 0;
    for (unsigned i = 0; i < options->file_count && i < POINTS_MAX && result == 0; i++)
        result = read_file(&p, options->files[i]) ? 0 : EX_DATAERR;
    if (result == 0 && p.count == 0) {
        base_error("the files have no latencies to draw; was anything answered?");
        result = EX_DATAERR;
    }
    if (result == 0) {
        qsort(p.points, p.count, sizeof p.points[0], by_rate);
        result = draw(&p, options->output);
    }
    for (unsigned i = 0; i < p.document_count; i++)
        json_decref(p.documents[i]);
    return result;
}
