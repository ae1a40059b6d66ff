// portolan: the user's tool.
#include <stdio.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/print.h"

static enum cli_exit run(const struct cli_options *options)
{
    switch (options->verb) {
    case CLI_DUMP:
        return cli_dump(options);
    case CLI_MAP:
        return cli_map(options);
    case CLI_REGISTER:
        return cli_register(options);
    case CLI_UNREGISTER:
        return cli_unregister(options);
    case CLI_STATUS:
        return cli_status(options);
    case CLI_STATS:
        return cli_stats(options);
    case CLI_TRACE:
        return cli_trace(options);
    case CLI_OXID:
        return cli_oxid(options);
    case CLI_FAULT:
        return cli_fault(options);
    case CLI_RELOAD:
        return cli_reload(options);
    case CLI_CONFIG:
        return cli_config(options);
    case CLI_EXPORT:
        return cli_export(options);
    case CLI_IMPORT:
        return cli_import(options);
    case CLI_HELP:
        cli_options_help();
        return CLI_OK;
    case CLI_VERSION:
        printf("portolan %s\n", PORTOLAN_VERSION);
        return CLI_OK;
    default:
        return CLI_USAGE;
    }
}

int main(int argc, char **argv)
{
    struct cli_options options;
    enum cli_exit code = cli_options_parse(argc, argv, &options);
    if (code == CLI_OK)
        code = run(&options);
    if (fflush(stdout) != 0 && code == CLI_OK)
        code = cli_fail(CLI_PROTOCOL, "cannot write to stdout");
    return code;
}
