// The example of docs/adding-an-interface.md: it works, and the page shows what was compiled.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "docs/example/adder.h"
#include "harness.h"

static const struct rpc_interface *const interfaces[] = {&adder, NULL};

static int setup(void **state)
{
    bench_setup(state);
    bench_serve(*state, interfaces);
    return 0;
}

static void ask(struct conn *conn, uint16_t opnum, const char *stub_hex)
{
    struct octets stub = {0};
    put_hex(&stub, stub_hex);
    conn_request(conn, &(struct request){.flags = RPC_WHOLE,
                                         .call_id = 2,
                                         .opnum = opnum,
                                         .stub = stub.bytes,
                                         .stub_size = stub.size});
}

static void the_example_adds(void **state)
{
    struct conn *conn = conn_open_interface(*state, &adder.id, RPC_WHOLE);
    ask(conn, 0, "01000000 02000000");
    assert_int_equal(base_load_le32(assert_response(conn, 2).stub), 3);
    ask(conn, 0, "01000000 020000");
    assert_fault(conn, RPC_FAULT_BAD_STUB_DATA, 0x03, 2, 0);
}

static void the_example_adds_slowly(void **state)
{
    struct conn *conn = conn_open_interface(*state, &adder.id, RPC_WHOLE);
    ask(conn, 1, "01000000 02000000");
    bench_time(*state, 999999);
    assert_no_answer(conn);
    bench_time(*state, 1000000);
    assert_int_equal(base_load_le32(assert_response(conn, 2).stub), 3);
}

static char *read_file(const char *name)
{
    char path[512];
    enum { SIZE = 1 << 16 };
    snprintf(path, sizeof path, "%s/%s", DOCS, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, SIZE);
    assert_in_range(fread(text, 1, SIZE - 1, file), 1, SIZE - 2);
    fclose(file);
    return text;
}

static void the_page_shows_what_is_compiled(void **state)
{
    (void)state;
    static const char begin[] = "```c\n", end[] = "```\n";
    char *page = read_file("adding-an-interface.md"), *source = read_file("example/adder.c");
    unsigned blocks = 0;
    for (char *at = page; (at = strstr(at, begin)) != NULL; blocks++) {
        char *block = at + strlen(begin), *stop = strstr(block, end);
        assert_non_null(stop);
        *stop = '\0';
        if (strstr(source, block) == NULL)
            fail_msg("not in example/adder.c:\n%s", block);
        at = stop + 1;
    }
    assert_int_equal(blocks, 3);
    free(page);
    free(source);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_example_adds),
        TEST(the_example_adds_slowly),
        TEST(the_page_shows_what_is_compiled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
