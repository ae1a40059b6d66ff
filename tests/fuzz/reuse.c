// Large allocations are kept and given out again: a server and a stack are made anew for every
// input, and mapping their megabytes each time would cost most of the time. The linker sends calls
// here (-Wl,--wrap, meson.build). While a block is not given out it is poisoned, so that a use
// after its end is still found.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sanitizer/asan_interface.h>

enum { LARGE = 1 << 14, BLOCKS_MAX = 64 };

const char *__asan_default_options(void);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *block);

// The same for the small ones: with the usual quarantine every one of them is a page fault.
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4";
}

static struct block {
    void *bytes;
    size_t size;
    bool taken;
} blocks[BLOCKS_MAX];

// A block of exactly this size; NULL when there is no place to keep another.
static void *take(size_t size)
{
    struct block *block = blocks;
    while (block < blocks + BLOCKS_MAX && block->bytes != NULL &&
           (block->taken || block->size != size))
        block++;
    if (block == blocks + BLOCKS_MAX)
        return NULL;
    if (block->bytes == NULL) {
        size_t rounded = (size + 63) / 64 * 64;
        *block = (struct block){.bytes = __real_aligned_alloc(64, rounded), .size = size};
        ASAN_POISON_MEMORY_REGION(block->bytes, rounded); // the bytes behind `size` stay so
    }
    ASAN_UNPOISON_MEMORY_REGION(block->bytes, size);
    block->taken = true;
    return block->bytes;
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (size == 0 || count > SIZE_MAX / size || count * size < LARGE)
        return __real_calloc(count, size);
    void *bytes = take(count * size);
    return bytes == NULL ? __real_calloc(count, size) : memset(bytes, 0, count * size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    void *bytes = size < LARGE || alignment > 64 ? NULL : take(size);
    return bytes == NULL ? __real_aligned_alloc(alignment, size) : memset(bytes, 0xbe, size);
}

void __wrap_free(void *bytes)
{
    for (struct block *block = blocks; block < blocks + BLOCKS_MAX && block->bytes; block++) {
        if (block->bytes != bytes)
            continue;
        ASAN_POISON_MEMORY_REGION(bytes, block->size);
        block->taken = false;
        return;
    }
    __real_free(bytes);
}
