// portoland-keys: writes the documents of the configuration's keys, and holds them to the schema.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "control/config_pages.h"

enum { PAGE_MAX = 1 << 20 };

static const char usage[] =
    "Usage: portoland-keys manual         write the scdoc source of portoland.yaml(5) to stdout\n"
    "       portoland-keys check FOLDER   whether the documents in docs/ of FOLDER are up to date\n"
    "       portoland-keys update FOLDER  write them anew\n";

// The file's text, which the caller frees; "" when there is no file. NULL: no memory.
static char *read_text(const char *path)
{
    char *text = calloc(1, PAGE_MAX);
    FILE *file = fopen(path, "re");
    if (text != NULL && file != NULL)
        text[fread(text, 1, PAGE_MAX - 1, file)] = '\0';
    if (file != NULL)
        fclose(file);
    return text;
}

static bool sample(const char *old, FILE *to)
{
    (void)old;
    control_pages_sample(to);
    return true;
}

static bool write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    bool written = file != NULL && fputs(text, file) >= 0;
    if (file != NULL && fclose(file) != 0)
        written = false;
    if (!written)
        fprintf(stderr, "%s: cannot be written\n", path);
    return written;
}

// Brings one document up to date, or says that it is not.
static bool keep(const char *folder, const char *name, bool (*make)(const char *old, FILE *to),
                 bool update)
{
    char path[4096], *page = NULL;
    size_t size;
    snprintf(path, sizeof path, "%s/docs/%s", folder, name);
    char *old = read_text(path);
    FILE *to = open_memstream(&page, &size);
    bool kept = old != NULL && to != NULL && make(old, to);
    if (to != NULL)
        fclose(to);
    if (!kept)
        fprintf(stderr, "%s: found a table of unknown keys, or one without its end\n", path);
    else if (strcmp(old, page) != 0 && update)
        kept = write_text(path, page);
    else if (strcmp(old, page) != 0) {
        kept = false;
        fprintf(stderr,
                "%s: does not say what control/config_keys.c says; run "
                "build/control/portoland-keys update %s\n",
                path, folder);
    }
    free(old);
    free(page);
    return kept;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "manual") == 0) {
        control_pages_manual(stdout);
        return fflush(stdout) == 0 ? 0 : EX_IOERR;
    }
    bool update = argc == 3 && strcmp(argv[1], "update") == 0;
    if (!update && (argc != 3 || strcmp(argv[1], "check") != 0)) {
        fputs(usage, stderr);
        return EX_USAGE;
    }
    bool sampled = keep(argv[2], "portoland.yaml.sample", sample, update);
    bool filled = keep(argv[2], "portoland.yaml.md", control_pages_fill, update);
    return sampled && filled ? 0 : 1;
}
