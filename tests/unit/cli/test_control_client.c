#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "cli/commands.h"
#include "tests/unit/capture.h"

#define LSA "12345778-1234-abcd-ef00-0123456789ab"

static char out[8192];
static char err[1024];

// A control socket that answers a request, each on a connection of its own, with each line of
// `reply`; NULL: never. The last request stays in `request`.
struct fake {
    char path[64];
    int listen_fd;
    const char *reply;
    char request[1024];
};

// Answers one request; what is left of the replies.
static const char *serve_one(struct fake *fake, const char *replies)
{
    int fd = accept(fake->listen_fd, NULL, NULL);
    size_t size = 0;
    while (size < sizeof fake->request - 1 && recv(fd, fake->request + size, 1, 0) == 1 &&
           fake->request[size] != '\n')
        size++;
    fake->request[size] = '\0';
    const char *end = replies != NULL ? strchr(replies, '\n') : NULL;
    size = end != NULL ? (size_t)(end + 1 - replies) : replies != NULL ? strlen(replies) : 0;
    if (replies != NULL)
        send(fd, replies, size, MSG_NOSIGNAL);
    else
        recv(fd, &size, 1, 0); // until the client leaves
    close(fd);
    return replies != NULL ? replies + size : "";
}

static void *serve(void *context)
{
    struct fake *fake = context;
    const char *left = fake->reply;
    do
        left = serve_one(fake, left);
    while (*left != '\0');
    return NULL;
}

// Runs a command against a server that gives `reply`; what was asked is in fake->request.
static enum cli_exit run(struct fake *fake, const char *reply,
                         enum cli_exit (*command)(const struct cli_options *),
                         struct cli_options options)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    pthread_t thread;
    memset(fake, 0, sizeof *fake);
    fake->reply = reply;
    snprintf(fake->path, sizeof fake->path, "/tmp/portolan-cli-%d.sock", getpid());
    strcpy(address.sun_path, fake->path);
    fake->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fake->listen_fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fake->listen_fd, 1), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve, fake), 0);
    options.socket = fake->path;
    struct capture on_stdout = capture_begin(stdout);
    struct capture on_stderr = capture_begin(stderr);
    enum cli_exit code = command(&options);
    capture_end(&on_stderr, err, sizeof err);
    capture_end(&on_stdout, out, sizeof out);
    pthread_join(thread, NULL);
    close(fake->listen_fd);
    unlink(fake->path);
    return code;
}

static const struct cli_options lsa = {.arguments = {LSA "@0.0", "ncacn_ip_tcp:10.135.0.2[49153]"}};

static void register_sends_what_was_given_and_exits_zero(void **state)
{
    (void)state;
    struct fake fake;
    struct cli_options options = lsa;
    options.annotation = "LSA";
    options.replace = true;
    assert_int_equal(run(&fake, "{\"schema\":1,\"ok\":true}\n", cli_register, options), CLI_OK);
    assert_string_equal(
        fake.request,
        "{\"schema\":1,\"command\":\"register\",\"interface\":\"" LSA "\",\"version\":\"0.0\","
        "\"binding\":\"ncacn_ip_tcp:10.135.0.2[49153]\",\"annotation\":\"LSA\",\"replace\":true}");
    assert_string_equal(err, "");
}

static void each_reason_has_its_exit_status(void **state)
{
    (void)state;
    static const struct {
        const char *reason;
        enum cli_exit code;
    } rows[] = {
        {"invalid", CLI_USAGE},    {"usage", CLI_USAGE},
        {"denied", CLI_DENIED},    {"not_registered", CLI_NOT_REGISTERED},
        {"full", CLI_UNREACHABLE}, {"unavailable", CLI_UNREACHABLE},
        {"unheard", CLI_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake fake;
        char reply[128];
        snprintf(reply, sizeof reply,
                 "{\"schema\":1,\"ok\":false,\"reason\":\"%s\",\"error\":\"why\\n\"}\n",
                 rows[i].reason);
        assert_int_equal(run(&fake, reply, cli_unregister, lsa), rows[i].code);
        assert_string_equal(err, "portolan: why?\n");
    }
}

static void a_bad_argument_is_refused_before_anything_is_sent(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {LSA, "ncacn_ip_tcp:10.135.0.2[1]"},
        {"lsa@1.0", "ncacn_ip_tcp:10.135.0.2[1]"},
        {LSA "@1.0", "ncacn_ip_tcp:10.135.0.2"},
        {LSA "@1.0", "tcp:10.135.0.2[1]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct cli_options options = {.arguments = {rows[i][0], rows[i][1]},
                                            .socket = "/nonexistent/control.sock"};
        struct capture on_stderr = capture_begin(stderr);
        enum cli_exit code = cli_register(&options);
        capture_end(&on_stderr, err, sizeof err);
        assert_int_equal(code, CLI_USAGE);
    }
}

static void no_server_is_unreachable(void **state)
{
    (void)state;
    const struct cli_options options = {.socket = "/nonexistent/control.sock"};
    struct capture on_stderr = capture_begin(stderr);
    enum cli_exit code = cli_status(&options);
    capture_end(&on_stderr, err, sizeof err);
    assert_int_equal(code, CLI_UNREACHABLE);
    assert_string_equal(err, "portolan: /nonexistent/control.sock: cannot connect (No such file or "
                             "directory); check that portoland runs, or give --socket\n");
}

static void a_silent_server_times_out(void **state)
{
    (void)state;
    struct fake fake;
    assert_int_equal(run(&fake, NULL, cli_status, (struct cli_options){.timeout_ms = 100}),
                     CLI_TIMED_OUT);
}

static void replies_that_are_not_the_protocol_are_refused(void **state)
{
    (void)state;
    static const char *const replies[] = {"hello\n", "{}\n", "[]\n",
                                          "{\"schema\":2,\"ok\":true}\n"};
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        struct fake fake;
        assert_int_equal(run(&fake, replies[i], cli_status, (struct cli_options){0}), CLI_PROTOCOL);
        assert_string_equal(out, "");
    }
}

static const char status_reply[] =
    "{\"schema\":1,\"ok\":true,\"version\":\"1.2.3\",\"pid\":42,\"uptime_seconds\":7,"
    "\"addresses\":[\"10.135.0.2\",\"fd00:135::2\"],\"port\":135,\"entries\":3,"
    "\"log\":{\"head\":9,\"applied\":8},"
    "\"workers\":[{\"worker\":0,\"core\":1,\"position\":8,\"lag\":1,\"connections\":5}]}\n";

static void status_is_laid_out_for_people(void **state)
{
    (void)state;
    struct fake fake;
    assert_int_equal(run(&fake, status_reply, cli_status, (struct cli_options){0}), CLI_OK);
    assert_string_equal(out, "version    1.2.3\n"
                             "pid        42\n"
                             "uptime     7 s\n"
                             "addresses  10.135.0.2 fd00:135::2\n"
                             "port       135\n"
                             "entries    3\n"
                             "log        head 9, applied 8\n"
                             "worker 0   core 1, lag 1, connections 5\n");
}

static void status_as_json_is_the_reply_without_its_ok(void **state)
{
    (void)state;
    struct fake fake;
    assert_int_equal(run(&fake, status_reply, cli_status, (struct cli_options){.json = true}),
                     CLI_OK);
    assert_ptr_equal(strstr(out, "{\"schema\":1,\"version\":\"1.2.3\",\"pid\":42,"), out);
    assert_null(strstr(out, "\"ok\""));
}

static const char stats_reply[] =
    "{\"schema\":1,\"ok\":true,\"cores\":[1,2],\"counters\":["
    "{\"name\":\"rpc.calls\",\"kind\":\"event\",\"help\":\"\",\"total\":30,\"workers\":[10,20]},"
    "{\"name\":\"rpc.drop_short\",\"kind\":\"drop\",\"help\":\"\",\"total\":2,\"workers\":[2,0]},"
    "{\"name\":\"rpc.drop_long\",\"kind\":\"drop\",\"help\":\"\",\"total\":0,\"workers\":[0,0]}]}\n";

static void stats_are_aligned_with_a_column_per_core(void **state)
{
    (void)state;
    struct fake fake;
    assert_int_equal(run(&fake, stats_reply, cli_stats, (struct cli_options){0}), CLI_OK);
    assert_string_equal(out,
                        "counter                       total          core 1          core 2\n"
                        "rpc.calls                        30              10              20\n"
                        "rpc.drop_short                    2               2               0\n"
                        "rpc.drop_long                     0               0               0\n");
}

static void drops_are_only_refusals_that_happened(void **state)
{
    (void)state;
    struct fake fake;
    assert_int_equal(
        run(&fake, stats_reply, cli_stats, (struct cli_options){.drops = true, .json = true}),
        CLI_OK);
    assert_non_null(strstr(out, "rpc.drop_short"));
    assert_null(strstr(out, "rpc.calls"));
    assert_null(strstr(out, "rpc.drop_long"));
}

static void a_trace_is_asked_for_as_wanted_and_laid_out_in_columns(void **state)
{
    (void)state;
    struct fake fake;
    static const char reply[] =
        "{\"schema\":1,\"ok\":true,\"records\":[{\"worker\":0,\"number\":9,\"time_us\":12000345,"
        "\"remote\":\"10.135.0.1:40000\",\"local_port\":135,\"event\":\"retransmit\","
        "\"state\":\"ESTABLISHED\",\"sequence\":4000000000,\"acknowledgment\":7,\"size\":160}]}\n";
    const struct cli_options options = {.last = 5, .connection = "10.135.0.1:40000"};
    assert_int_equal(run(&fake, reply, cli_trace, options), CLI_OK);
    assert_non_null(strstr(fake.request, "\"last\":5"));
    assert_non_null(strstr(fake.request, "\"connection\":\"10.135.0.1:40000\""));
    assert_string_equal(out,
                        "worker        seconds  peer                   port  event          state  "
                        "        sequence        ack   size\n"
                        "0           12.000345  10.135.0.1:40000        135  retransmit     "
                        "ESTABLISHED  4000000000          7    160\n");
}

static void fault_sends_its_words_as_one_rule_and_prints_the_id(void **state)
{
    (void)state;
    struct fake fake;
    const struct cli_options options = {.arguments = {"add", "delay=20ms", "operation=3"}};
    assert_int_equal(run(&fake, "{\"schema\":1,\"ok\":true,\"id\":7}\n", cli_fault, options),
                     CLI_OK);
    assert_string_equal(fake.request, "{\"schema\":1,\"command\":\"fault_add\","
                                      "\"rule\":\"delay=20ms operation=3\"}");
    assert_string_equal(out, "7\n");
}

static const char faults_reply[] =
    "{\"schema\":1,\"ok\":true,\"applied\":true,\"rules\":[{\"id\":7,\"rule\":\"delay=20ms\","
    "\"hits\":12,\"workers\":[5,7]}]}\n";

static void fault_list_is_laid_out_or_json(void **state)
{
    (void)state;
    struct fake fake;
    struct cli_options options = {.arguments = {"list"}};
    assert_int_equal(run(&fake, faults_reply, cli_fault, options), CLI_OK);
    assert_string_equal(fake.request, "{\"schema\":1,\"command\":\"fault_list\"}");
    assert_string_equal(out, "    id         hits  rule\n"
                             "     7           12  delay=20ms\n");
    options.json = true;
    assert_int_equal(run(&fake, faults_reply, cli_fault, options), CLI_OK);
    assert_non_null(strstr(out, "\"hits\":12"));
}

static void fault_clear_takes_an_id_or_all(void **state)
{
    (void)state;
    struct fake fake;
    static const char reply[] = "{\"schema\":1,\"ok\":true,\"cleared\":2}\n";
    struct cli_options options = {.arguments = {"clear"}};
    assert_int_equal(run(&fake, reply, cli_fault, options), CLI_OK);
    assert_string_equal(fake.request, "{\"schema\":1,\"command\":\"fault_clear\"}");
    assert_string_equal(out, "cleared 2\n");
    options.arguments[1] = "7";
    assert_int_equal(run(&fake, reply, cli_fault, options), CLI_OK);
    assert_string_equal(fake.request, "{\"schema\":1,\"command\":\"fault_clear\",\"id\":7}");
}

static void bad_words_of_fault_are_refused_before_anything_is_sent(void **state)
{
    (void)state;
    static const struct cli_options rows[] = {
        {.arguments = {"add"}},
        {.arguments = {"dance"}},
        {.arguments = {"list", "7"}},
        {.arguments = {"clear", "x"}},
        {.arguments = {"clear", "1", "2"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct capture on_stderr = capture_begin(stderr);
        enum cli_exit code = cli_fault(&rows[i]);
        capture_end(&on_stderr, err, sizeof err);
        assert_int_equal(code, CLI_USAGE);
    }
}

#define RECORD(number)                                                                             \
    "{\"worker\":0,\"number\":" number ",\"time_us\":5,\"remote\":\"10.135.0.1:40000\","           \
    "\"local_port\":135,\"event\":\"opened\",\"state\":\"ESTABLISHED\",\"sequence\":1,"            \
    "\"acknowledgment\":7,\"size\":8}"
#define PAGE(records, next, lost)                                                                  \
    "{\"schema\":1,\"ok\":true,\"records\":[" records "],\"next\":[" next "],\"lost\":" lost "}\n"

static void following_prints_new_records_until_their_count(void **state)
{
    (void)state;
    struct fake fake;
    static const char replies[] = PAGE(RECORD("6"), "7", "0") PAGE("", "7", "0")
        PAGE(RECORD("9"), "10", "2") PAGE(RECORD("10") "," RECORD("11"), "12", "0");
    const struct cli_options options = {.follow = true, .count = 2, .json = true};
    assert_int_equal(run(&fake, replies, cli_trace, options), CLI_OK);
    assert_non_null(strstr(fake.request, "\"since\":[10]"));
    assert_string_equal(err, "portolan: 2 records were overwritten before they could be read\n");
    const char *first = strstr(out, "\"number\":9"), *second = strstr(out, "\"number\":10");
    assert_true(first != NULL && second > first);
    assert_int_equal(strchr(strchr(out, '\n') + 1, '\n')[1], '\0'); // two lines
    assert_null(strstr(out, "\"number\":6"));                       // that was before
}

static void following_may_begin_with_the_last(void **state)
{
    (void)state;
    struct fake fake;
    static const char replies[] = PAGE(RECORD("6"), "7", "0");
    const struct cli_options options = {.follow = true, .count = 1, .last = 1};
    assert_int_equal(run(&fake, replies, cli_trace, options), CLI_OK);
    assert_non_null(strstr(out, "10.135.0.1:40000"));
}

static void a_count_is_for_following(void **state)
{
    (void)state;
    const struct cli_options options = {.count = 1};
    struct capture on_stderr = capture_begin(stderr);
    enum cli_exit code = cli_trace(&options);
    capture_end(&on_stderr, err, sizeof err);
    assert_int_equal(code, CLI_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(register_sends_what_was_given_and_exits_zero),
        cmocka_unit_test(each_reason_has_its_exit_status),
        cmocka_unit_test(a_bad_argument_is_refused_before_anything_is_sent),
        cmocka_unit_test(no_server_is_unreachable),
        cmocka_unit_test(a_silent_server_times_out),
        cmocka_unit_test(replies_that_are_not_the_protocol_are_refused),
        cmocka_unit_test(status_is_laid_out_for_people),
        cmocka_unit_test(status_as_json_is_the_reply_without_its_ok),
        cmocka_unit_test(stats_are_aligned_with_a_column_per_core),
        cmocka_unit_test(a_trace_is_asked_for_as_wanted_and_laid_out_in_columns),
        cmocka_unit_test(following_prints_new_records_until_their_count),
        cmocka_unit_test(following_may_begin_with_the_last),
        cmocka_unit_test(a_count_is_for_following),
        cmocka_unit_test(drops_are_only_refusals_that_happened),
        cmocka_unit_test(fault_sends_its_words_as_one_rule_and_prints_the_id),
        cmocka_unit_test(fault_list_is_laid_out_or_json),
        cmocka_unit_test(fault_clear_takes_an_id_or_all),
        cmocka_unit_test(bad_words_of_fault_are_refused_before_anything_is_sent),
    };
    return cmocka_run_group_tests_name("cli_control", tests, NULL, NULL);
}
