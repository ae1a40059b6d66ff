#include "cli/print.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum cli_exit cli_fail(enum cli_exit code, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    fprintf(stderr, "portolan: %s\n", message);
    return code;
}

char *cli_printable(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~')
            *at = '?';
    }
    return text;
}

char *cli_copy_printable(char *text, size_t size, const char *bytes, size_t length)
{
    if (length >= size)
        length = size - 1;
    for (size_t i = 0; i < length; i++)
        text[i] = bytes[i] < ' ' || bytes[i] > '~' ? '?' : bytes[i];
    text[length] = '\0';
    return text;
}

enum cli_exit cli_print_json(json_t *value)
{
    json_t *whole = json_pack("{s:i}", "schema", CLI_SCHEMA);
    int bad = json_object_update(whole, value);
    json_decref(value);
    bad |= json_dumpf(whole, stdout, JSON_COMPACT);
    json_decref(whole);
    putchar('\n');
    return bad ? cli_fail(CLI_PROTOCOL, "cannot write the JSON: no memory, or stdout is closed")
               : CLI_OK;
}
