// Towers and string bindings. The first byte chooses: octets of a tower, or text of a binding.
// What a person is shown of a tower, if it can be read back, gives a tower that is shown alike;
// and what was read from text is the same after it went through a tower.
#include "ndr/tower.h"
#include "tests/fuzz/input.h"

enum { TEXT_MAX = 2048 };

static void format(const struct ndr_tower *tower, char text[TEXT_MAX])
{
    ndr_tower_format_binding(tower, text, TEXT_MAX);
    for (const char *at = text; *at != '\0'; at++)
        MUST(*at >= ' ' && *at <= '~');
    // However little room there is, it ends within it.
    char little[8];
    ndr_tower_format_binding(tower, little, sizeof little);
    MUST(memchr(little, '\0', sizeof little) != NULL);
}

// The tower of `text`, shown again; false when it is no binding.
static bool through_a_tower(const char *text, char shown[TEXT_MAX])
{
    struct ndr_binding binding;
    const struct ndr_syntax_id interface = {BASE_UUID(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 1, 2};
    uint8_t octets[NDR_TOWER_MAX];
    struct ndr_tower tower;
    if (ndr_binding_parse(text, &binding) != NULL)
        return false;
    size_t size = ndr_tower_build(&interface, &ndr_syntax_id_20, &binding, octets, sizeof octets);
    MUST(size != 0);
    for (size_t less = 0; less < size; less += 1 + less / 8)
        MUST(ndr_tower_build(&interface, &ndr_syntax_id_20, &binding, octets, less) == 0);
    size = ndr_tower_build(&interface, &ndr_syntax_id_20, &binding, octets, sizeof octets);
    MUST(ndr_tower_parse(octets, size, &tower) == NDR_TOWER_OK);
    MUST(tower.protseq == binding.protseq);
    MUST(ndr_syntax_id_equal(&tower.interface, &interface));
    MUST(ndr_syntax_id_equal(&tower.transfer, &ndr_syntax_id_20));
    format(&tower, shown);
    return true;
}

static void settles(const char *text)
{
    char once[TEXT_MAX], twice[TEXT_MAX];
    if (!through_a_tower(text, once))
        return;
    MUST(through_a_tower(once, twice));
    MUST(strcmp(once, twice) == 0);
}

static void read_tower(const uint8_t *octets, size_t size)
{
    struct ndr_tower tower = {0};
    char text[TEXT_MAX];
    enum ndr_tower_reason reason = ndr_tower_parse(octets, size, &tower);
    MUST(ndr_tower_reason_text(reason) != NULL);
    if (reason != NDR_TOWER_OK) {
        MUST(tower.floors == 0);
        return;
    }
    MUST(tower.floors >= 3 && tower.floors <= NDR_TOWER_FLOOR_MAX && tower.protseq_key != 0);
    for (unsigned i = 0; i < tower.floors; i++) {
        const struct ndr_floor *floor = &tower.floor[i];
        MUST(floor->lhs >= octets && floor->rhs >= floor->lhs + floor->lhs_size);
        MUST(floor->rhs + floor->rhs_size <= octets + size);
    }
    format(&tower, text);
    settles(text);
}

static void read_text(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);
    struct ndr_syntax_id id = {0};
    memcpy(text, bytes, size);
    text[size] = '\0';
    settles(text);
    ndr_version_parse(text, &id);
    free(text);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    if (input_u8(&in) & 1)
        read_text(in.at, in.left);
    else
        read_tower(in.at, in.left);
    return 0;
}
