#include "ndr/epm_part.h"

// The octets of a structure with a pointer and counts align to the widest of them ([MS-RPCE]
// 2.2.5.3.4.1: NDR64 pads a structure at both ends).
static unsigned entry_alignment(enum ndr_syntax syntax)
{
    return syntax == NDR_SYNTAX_64 ? 8 : 4;
}

uint32_t ndr_epm_next_referent(uint32_t *next)
{
    if (*next == 0)
        *next = 1;
    return (*next)++;
}

uint32_t ndr_epm_read_object(struct ndr_reader *r, struct base_uuid *ret_object)
{
    uint32_t referent = ndr_read_pointer(r);
    *ret_object = (struct base_uuid){0};
    if (referent != 0)
        ndr_read_uuid(r, ret_object);
    return referent;
}

uint32_t ndr_epm_read_interface(struct ndr_reader *r, struct ndr_syntax_id *ret_interface)
{
    uint32_t referent = ndr_read_pointer(r);
    *ret_interface = (struct ndr_syntax_id){0};
    if (referent != 0) {
        ndr_read_uuid(r, &ret_interface->uuid);
        ret_interface->major = ndr_read_u16(r);
        ret_interface->minor = ndr_read_u16(r);
    }
    return referent;
}

struct ndr_epm_tower_span ndr_epm_read_tower(struct ndr_reader *r)
{
    uint32_t conformance = ndr_read_count(r);
    uint32_t size = ndr_read_u32(r);
    if (conformance != size || size > NDR_TOWER_MAX)
        r->failed = true;
    const uint8_t *octets = ndr_read_bytes(r, size);
    return (struct ndr_epm_tower_span){octets, octets == NULL ? 0 : size};
}

void ndr_epm_write_tower(struct ndr_writer *w, const uint8_t *octets, uint32_t size)
{
    ndr_write_count(w, size);
    ndr_write_u32(w, size);
    ndr_write_bytes(w, octets, size);
}

void ndr_epm_read_variance(struct ndr_reader *r, uint32_t conformance, uint32_t count)
{
    uint32_t offset = ndr_read_count(r);
    uint32_t actual = ndr_read_count(r);
    if (offset != 0 || actual != count || actual > conformance)
        r->failed = true;
}

// Index of the earlier pointer with the id of pointer `i`, or `i`.
static uint32_t first_with_referent(const uint32_t *referents, uint32_t i)
{
    uint32_t j = 0;
    while (referents[j] != referents[i])
        j++;
    return j;
}

// Everybody hands out ascending ids, so the scan for an alias runs for odd senders only; it is
// bounded by NDR_EPM_ENTRIES_MAX squared.
void ndr_epm_read_towers(struct ndr_reader *r, const uint32_t *referents, uint32_t count,
                         struct ndr_epm_tower_span *ret_spans)
{
    uint32_t highest = 0;
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        ret_spans[i] = (struct ndr_epm_tower_span){0};
        if (referents[i] == 0)
            continue;
        uint32_t first = referents[i] > highest ? i : first_with_referent(referents, i);
        ret_spans[i] = first == i ? ndr_epm_read_tower(r) : ret_spans[first];
        if (referents[i] > highest)
            highest = referents[i];
    }
}

// annotation, [string] char[64]: a varying string, so without conformance. Senders that leave out
// the NUL are read up to their count.
static void read_annotation(struct ndr_reader *r, struct ndr_epm_entry *entry)
{
    uint32_t offset = ndr_read_count(r);
    uint32_t actual = ndr_read_count(r);
    if (offset != 0 || actual > NDR_EPM_ANNOTATION_MAX)
        r->failed = true;
    const uint8_t *characters = ndr_read_bytes(r, actual);
    if (characters == NULL)
        return;
    uint32_t most = actual < NDR_EPM_ANNOTATION_MAX ? actual : NDR_EPM_ANNOTATION_MAX - 1;
    entry->annotation = (const char *)characters;
    entry->annotation_size = (uint32_t)strnlen(entry->annotation, most);
}

void ndr_epm_read_entries(struct ndr_reader *r, struct ndr_epm_entry *ret_entries, uint32_t count)
{
    uint32_t referents[NDR_EPM_ENTRIES_MAX] = {0};
    struct ndr_epm_tower_span spans[NDR_EPM_ENTRIES_MAX];
    for (uint32_t i = 0; i < count; i++) {
        ret_entries[i] = (struct ndr_epm_entry){0};
        ndr_read_align(r, entry_alignment(r->syntax));
        ndr_read_uuid(r, &ret_entries[i].object);
        referents[i] = ndr_read_pointer(r);
        read_annotation(r, &ret_entries[i]);
        if (r->syntax == NDR_SYNTAX_64)
            ndr_read_align(r, entry_alignment(r->syntax));
        if (r->failed)
            return;
    }
    ndr_epm_read_towers(r, referents, count, spans);
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        ret_entries[i].tower = spans[i].octets;
        ret_entries[i].tower_size = spans[i].size;
    }
}

// Nothing longer than the declared bound goes out, whatever the caller holds.
static uint32_t annotation_length(const struct ndr_epm_entry *entry)
{
    return entry->annotation_size < NDR_EPM_ANNOTATION_MAX ? entry->annotation_size
                                                           : NDR_EPM_ANNOTATION_MAX - 1;
}

static void write_entry(struct ndr_writer *w, const struct ndr_epm_entry *entry, uint32_t referent)
{
    uint32_t length = annotation_length(entry);
    ndr_write_align(w, entry_alignment(w->syntax));
    ndr_write_uuid(w, &entry->object);
    ndr_write_pointer(w, referent);
    ndr_write_count(w, 0);
    ndr_write_count(w, length + 1);
    ndr_write_bytes(w, entry->annotation, length);
    ndr_write_u8(w, 0);
    if (w->syntax == NDR_SYNTAX_64)
        ndr_write_align(w, entry_alignment(w->syntax));
}

void ndr_epm_write_entries(struct ndr_writer *w, const struct ndr_epm_entry *entries,
                           uint32_t count, uint32_t first_referent)
{
    uint32_t next = first_referent;
    for (uint32_t i = 0; i < count; i++)
        write_entry(w, &entries[i], entries[i].tower == NULL ? 0 : ndr_epm_next_referent(&next));
    for (uint32_t i = 0; i < count; i++)
        if (entries[i].tower != NULL)
            ndr_epm_write_tower(w, entries[i].tower, entries[i].tower_size);
}

uint32_t ndr_epm_entry_size(const struct ndr_epm_entry *entry, enum ndr_syntax syntax)
{
    // Fixed members, then what alignment may add before the entry, its tower and its successor.
    uint32_t fixed = syntax == NDR_SYNTAX_64 ? 16 + 3 * 8 + 8 + 4 : 16 + 3 * 4 + 4 + 4;
    uint32_t padding = 2 * (entry_alignment(syntax) - 1);
    return fixed + padding + annotation_length(entry) + 1 + entry->tower_size;
}
