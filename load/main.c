// portolan-load: the load generator.
#include <stdio.h>
#include <sysexits.h>

#include "load/options.h"
#include "load/plot.h"
#include "load/run.h"

int main(int argc, char **argv)
{
    struct load_options options;
    int result = load_options_parse(argc, argv, &options);
    if (result >= 0)
        return result;
    switch (options.verb) {
    case LOAD_HELP:
        load_options_help();
        return 0;
    case LOAD_VERSION:
        printf("portolan-load %s\n", PORTOLAN_VERSION);
        return 0;
    case LOAD_PLOT:
        return load_plot(&options);
    default:
        break;
    }
    result = load_run(&options);
    return fflush(stdout) == 0 ? result : EX_IOERR;
}
