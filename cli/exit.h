// How portolan ends; part of its interface (see --help).
#pragma once

enum cli_exit {
    CLI_OK = 0,
    CLI_NOT_REGISTERED = 1,
    CLI_USAGE = 64,
    CLI_UNREACHABLE = 69,
    CLI_TIMED_OUT = 75,
    CLI_PROTOCOL = 76,
    CLI_DENIED = 77,
};
