// Replies as a server writes them: values from the input, encoded in each syntax and byte order,
// are decoded and compared. The room is filled with one pattern, then with another: a reply that
// shows either has octets that were never written.
#include "ndr/epm.h"
#include "tests/fuzz/input.h"

enum { ENTRIES_MAX = 12, ROOM = 1 << 16 };

// The values; spans point into the input.
struct reply {
    struct ndr_context_handle handle;
    uint32_t max, referent, status, count;
    struct ndr_epm_entry entries[ENTRIES_MAX];
    struct ndr_epm_tower_span towers[ENTRIES_MAX];
};

static void draw_entry(struct input *in, struct ndr_epm_entry *entry)
{
    size_t size;
    uint8_t how = input_u8(in);
    input_copy(in, &entry->object, sizeof entry->object);
    // No tower has no octets: a null pointer is told from it by its referent id.
    const uint8_t *octets = input_bytes(in, 1 + (how >> 1) * (how & 1 ? 16u : 1u), &size);
    if (size > NDR_TOWER_MAX)
        size = NDR_TOWER_MAX;
    entry->tower = size == 0 ? NULL : octets;
    entry->tower_size = (uint32_t)size;
    entry->annotation = (const char *)input_bytes(in, input_u8(in) % NDR_EPM_ANNOTATION_MAX, &size);
    entry->annotation_size = (uint32_t)strnlen(entry->annotation, size);
}

static struct reply draw_reply(struct input *in)
{
    struct reply reply = {0};
    input_copy(in, &reply.handle, sizeof reply.handle);
    reply.referent = input_u32(in);
    reply.status = input_u32(in);
    reply.count = input_u8(in) % (ENTRIES_MAX + 1);
    reply.max = reply.count + input_u8(in);
    for (uint32_t i = 0; i < reply.count; i++) {
        draw_entry(in, &reply.entries[i]);
        reply.towers[i] =
            (struct ndr_epm_tower_span){reply.entries[i].tower, reply.entries[i].tower_size};
    }
    return reply;
}

typedef void encode_reply(struct ndr_writer *w, const struct reply *reply);

static void encode_map(struct ndr_writer *w, const struct reply *reply)
{
    ndr_epm_encode_map_reply(w, &reply->handle, reply->max, reply->referent, reply->towers,
                             reply->count, reply->status);
}

static void encode_lookup(struct ndr_writer *w, const struct reply *reply)
{
    ndr_epm_encode_lookup_reply(w, &reply->handle, reply->max, reply->referent, reply->entries,
                                reply->count, reply->status);
}

static void encode_status(struct ndr_writer *w, const struct reply *reply)
{
    ndr_epm_encode_status_reply(w, reply->status);
}

// The reply in an allocation of exactly its size, which the caller frees.
static struct ndr_stub encode(encode_reply *encoder, const struct reply *reply,
                              enum ndr_syntax syntax, bool big_endian)
{
    static uint8_t room[2][ROOM];
    uint32_t size = 0;
    for (unsigned i = 0; i < 2; i++) {
        memset(room[i], i == 0 ? 0xa5 : 0x5a, ROOM);
        struct ndr_writer w = ndr_writer_init(room[i], ROOM, syntax, big_endian);
        encoder(&w, reply);
        MUST(!w.failed);
        size = (uint32_t)ndr_writer_size(&w);
    }
    MUST(memcmp(room[0], room[1], size) == 0);
    uint8_t *exact = malloc(size);
    struct ndr_writer w = ndr_writer_init(exact, size, syntax, big_endian);
    encoder(&w, reply);
    MUST(!w.failed && ndr_writer_size(&w) == size && memcmp(exact, room[0], size) == 0);
    // One octet less fails and writes nothing behind.
    w = ndr_writer_init(room[0], size - 1, syntax, big_endian);
    encoder(&w, reply);
    MUST(w.failed);
    return (struct ndr_stub){exact, size, big_endian, syntax};
}

static void free_stub(const struct ndr_stub *stub)
{
    union {
        const uint8_t *in;
        uint8_t *out;
    } data = {stub->data};
    free(data.out);
}

static void same_span(const uint8_t *a, uint32_t a_size, const uint8_t *b, uint32_t b_size)
{
    MUST((a == NULL) == (b == NULL) && a_size == b_size);
    MUST(a_size == 0 || memcmp(a, b, a_size) == 0);
}

static void check_map(const struct reply *reply, enum ndr_syntax syntax, bool big_endian)
{
    for (uint32_t i = 0; i < reply->count; i++)
        if (reply->towers[i].octets == NULL)
            return; // the map has no such entry
    struct ndr_stub stub = encode(encode_map, reply, syntax, big_endian);
    struct ndr_epm_tower_span towers[ENTRIES_MAX];
    struct ndr_context_handle handle;
    uint32_t count, status;
    MUST(stub.size == ndr_epm_map_reply_size(reply->towers, reply->count, syntax));
    MUST(ndr_epm_decode_map_reply(&stub, &handle, towers, ENTRIES_MAX, &count, &status));
    MUST(count == reply->count && status == reply->status);
    MUST(memcmp(&handle, &reply->handle, sizeof handle) == 0);
    for (uint32_t i = 0; i < count; i++)
        same_span(towers[i].octets, towers[i].size, reply->towers[i].octets, reply->towers[i].size);
    free_stub(&stub);
}

static void check_lookup(const struct reply *reply, enum ndr_syntax syntax, bool big_endian)
{
    struct ndr_stub stub = encode(encode_lookup, reply, syntax, big_endian);
    struct ndr_epm_entry entries[ENTRIES_MAX];
    struct ndr_context_handle handle;
    uint32_t count, status, size = 128;
    MUST(ndr_epm_decode_lookup_reply(&stub, &handle, entries, ENTRIES_MAX, &count, &status));
    MUST(count == reply->count && status == reply->status);
    MUST(memcmp(&handle, &reply->handle, sizeof handle) == 0);
    for (uint32_t i = 0; i < count; i++) {
        const struct ndr_epm_entry *want = &reply->entries[i];
        MUST(memcmp(&entries[i].object, &want->object, sizeof want->object) == 0);
        same_span(entries[i].tower, entries[i].tower_size, want->tower, want->tower_size);
        MUST(entries[i].annotation_size == want->annotation_size);
        MUST(memcmp(entries[i].annotation, want->annotation, want->annotation_size) == 0);
        size += ndr_epm_entry_size(want, syntax);
    }
    MUST(stub.size <= size);
    free_stub(&stub);
}

static void check_status(const struct reply *reply, enum ndr_syntax syntax, bool big_endian)
{
    struct ndr_stub stub = encode(encode_status, reply, syntax, big_endian);
    uint32_t status;
    MUST(ndr_epm_decode_status_reply(&stub, &status) && status == reply->status);
    free_stub(&stub);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct reply reply = draw_reply(&in);
    for (unsigned form = 0; form < 3; form++) {
        enum ndr_syntax syntax = form == 2 ? NDR_SYNTAX_64 : NDR_SYNTAX_20;
        check_map(&reply, syntax, form == 1);
        check_lookup(&reply, syntax, form == 1);
        check_status(&reply, syntax, form == 1);
    }
    return 0;
}
