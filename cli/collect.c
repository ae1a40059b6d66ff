#include "cli/collect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "cli/print.h"

const struct ndr_syntax_id cli_epmapper = {
    BASE_UUID(0xe1af8308, 0x5d1f, 0x11c9, 0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa), 3, 0};

enum {
    BINDING_MAX = 600,
    HANDLE_SIZE = 20, // in front of every lookup reply
};

bool cli_entry_set_tower(struct cli_entry *entry, const uint8_t *octets, uint32_t size)
{
    struct ndr_tower tower;
    char binding[BINDING_MAX];
    enum ndr_tower_reason reason =
        octets == NULL ? NDR_TOWER_SHORT : ndr_tower_parse(octets, size, &tower);
    if (reason == NDR_TOWER_OK) {
        entry->interface = tower.interface;
        entry->protseq = tower.protseq;
        ndr_tower_format_binding(&tower, binding, sizeof binding);
    } else {
        snprintf(binding, sizeof binding, "(malformed tower: %s)",
                 octets == NULL ? "absent" : ndr_tower_reason_text(reason));
    }
    entry->binding = strdup(cli_printable(binding));
    return entry->binding != NULL;
}

// False when there is no memory.
static bool append(struct cli_list *list, const struct ndr_epm_entry *from)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 512 : 2 * list->room;
        struct cli_entry *entries = realloc(list->entries, room * sizeof *entries);
        if (entries == NULL)
            return false;
        list->entries = entries;
        list->room = room;
    }
    struct cli_entry *entry = &list->entries[list->count];
    *entry = (struct cli_entry){.object = from->object};
    cli_copy_printable(entry->annotation, sizeof entry->annotation, from->annotation,
                       from->annotation_size);
    if (!cli_entry_set_tower(entry, from->tower, from->tower_size))
        return false;
    list->count++;
    return true;
}

void cli_list_free(struct cli_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->entries[i].binding);
    free(list->entries);
    *list = (struct cli_list){0};
}

struct page {
    struct ndr_context_handle handle;
    struct ndr_epm_entry entries[NDR_EPM_ENTRIES_MAX];
    uint32_t count;
    uint32_t status;
    uint64_t hash; // of all but the handle
};

static enum cli_exit fetch_page(struct cli_session *session, struct page *page)
{
    static const uint8_t key[16];
    const struct ndr_epm_lookup lookup = {
        .inquiry_type = NDR_EPM_INQUIRY_ALL,
        .vers_option = NDR_EPM_VERSIONS_ALL,
        .handle = page->handle,
        .max_ents = NDR_EPM_ENTRIES_MAX,
    };
    uint8_t request[256];
    struct ndr_writer w = ndr_writer_init(request, sizeof request, NDR_SYNTAX_20, false);
    ndr_epm_encode_lookup(&w, &lookup);
    struct ndr_stub stub;
    enum cli_exit code =
        cli_session_call(session, NDR_EPM_LOOKUP, request, ndr_writer_size(&w), &stub);
    if (code != CLI_OK)
        return code;
    if (!ndr_epm_decode_lookup_reply(&stub, &page->handle, page->entries, NDR_EPM_ENTRIES_MAX,
                                     &page->count, &page->status))
        return cli_fail(CLI_PROTOCOL,
                        "%s: found an ept_lookup reply of %u bytes that cannot be decoded",
                        session->name, stub.size);
    page->hash = base_siphash(key, stub.data + HANDLE_SIZE, stub.size - HANDLE_SIZE);
    return CLI_OK;
}

// Servers end in two ways: the last page has status 0 and a null handle (C706, Windows), or it has
// entries, status not_registered and a null handle (Samba). So entries are kept whatever the
// status.
static enum cli_exit take_page(const struct cli_session *session, const struct page *page,
                               struct cli_list *list)
{
    if (page->status != NDR_EPM_STATUS_OK && page->status != NDR_EPM_STATUS_NOT_REGISTERED) {
        const char *name = ndr_epm_status_name(page->status);
        return cli_fail(CLI_PROTOCOL, "%s: found ept_lookup status 0x%08x (%s), expected 0",
                        session->name, page->status, name == NULL ? "unknown" : name);
    }
    if (list->count + page->count > CLI_ENTRIES_MAX)
        return cli_fail(CLI_PROTOCOL,
                        "%s: found a listing of more than %d entries, expected an end",
                        session->name, CLI_ENTRIES_MAX);
    for (uint32_t i = 0; i < page->count; i++) {
        if (!append(list, &page->entries[i]))
            return cli_fail(CLI_PROTOCOL, "%s: no memory for the listing", session->name);
    }
    return CLI_OK;
}

enum cli_exit cli_collect(struct cli_session *session, struct cli_list *ret_list)
{
    struct page page = {0};
    *ret_list = (struct cli_list){0};
    for (bool first = true;; first = false) {
        uint64_t before = page.hash;
        enum cli_exit code = fetch_page(session, &page);
        if (code == CLI_OK)
            code = take_page(session, &page, ret_list);
        if (code != CLI_OK)
            return code;
        if (page.status != NDR_EPM_STATUS_OK || base_uuid_is_nil(&page.handle.uuid))
            return CLI_OK;
        if (page.count == 0 || (!first && page.hash == before))
            return cli_fail(CLI_PROTOCOL,
                            "%s: the listing does not end: found a page with nothing new after %zu "
                            "entries, expected a null handle",
                            session->name, ret_list->count);
    }
}
