#include "mapper/key.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/siphash.h"

struct mapper_secret mapper_secret_draw(void)
{
    struct mapper_secret secret;
    // Cannot fail for so few bytes once the kernel has its entropy, and waits until then.
    if (getrandom(&secret, sizeof secret, 0) != (ssize_t)sizeof secret)
        abort();
    return secret;
}

_Static_assert(offsetof(struct mapper_entry, interface.major) == 8 * MAPPER_MINOR_WORD &&
                   offsetof(struct mapper_entry, interface.minor) == 8 * MAPPER_MINOR_WORD + 2 &&
                   offsetof(struct mapper_entry, annotation) == MAPPER_IDENTITY_SIZE,
               "an entry begins with its identity: no padding, and the minor version in its place");

static void put_uuid(uint64_t words[2], const struct base_uuid *uuid)
{
    memcpy(words, uuid->bytes, sizeof uuid->bytes);
}

struct mapper_key mapper_key_binding(const struct base_uuid *object,
                                     const struct ndr_syntax_id *interface,
                                     const struct ndr_syntax_id *transfer, uint64_t protseq_key)
{
    const struct mapper_entry like = {.object = *object,
                                      .interface = *interface,
                                      .transfer = *transfer,
                                      .protseq_key = protseq_key};
    return mapper_identity_key(&like);
}

struct mapper_key mapper_key_object(const struct base_uuid *object)
{
    struct mapper_key key = {0};
    put_uuid(&key.words[0], object);
    return key;
}

struct mapper_key mapper_key_exact(const struct base_uuid *object, const uint8_t *tower,
                                   uint32_t tower_size, const struct mapper_secret *secret)
{
    struct mapper_key key = {0};
    uint8_t siphash_key[16];
    memcpy(siphash_key, secret, sizeof siphash_key);
    put_uuid(&key.words[0], object);
    key.words[2] = base_siphash(siphash_key, tower, tower_size);
    key.words[3] = tower_size;
    return key;
}

struct mapper_key mapper_key_of_entry(enum mapper_key_kind kind, const struct mapper_entry *entry,
                                      const struct mapper_secret *secret)
{
    switch (kind) {
    case MAPPER_KEY_OBJECT:
        return mapper_key_object(&entry->object);
    case MAPPER_KEY_EXACT:
        return mapper_key_exact(&entry->object, entry->tower, entry->tower_size, secret);
    case MAPPER_KEY_BINDING:
        break;
    }
    return mapper_identity_key(entry);
}
