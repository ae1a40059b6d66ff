// The commands of portolan. Each prints its result on stdout and why it failed on stderr.
#pragma once

#include "cli/options.h"

enum cli_exit cli_dump(const struct cli_options *options);
enum cli_exit cli_map(const struct cli_options *options);

// Over the control socket (docs/control-protocol.md).
enum cli_exit cli_register(const struct cli_options *options);
enum cli_exit cli_unregister(const struct cli_options *options);
enum cli_exit cli_status(const struct cli_options *options);
enum cli_exit cli_oxid(const struct cli_options *options);
enum cli_exit cli_fault(const struct cli_options *options);
enum cli_exit cli_reload(const struct cli_options *options);
enum cli_exit cli_config(const struct cli_options *options);
enum cli_exit cli_stats(const struct cli_options *options);
enum cli_exit cli_trace(const struct cli_options *options);
enum cli_exit cli_export(const struct cli_options *options);
enum cli_exit cli_import(const struct cli_options *options);
