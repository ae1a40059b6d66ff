#include "control/store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lmdb.h>

#include "base/log.h"
#include "control/store_record.h"

enum {
    DATABASES = 2,
    DIRECTORY_MODE = 0750,
    FILE_MODE = 0640,
    // A page for the longest tower, and its share of the tree. Address space, not disk: the file
    // grows as it is used.
    BYTES_PER_ENTRY = 5 << 10,
    BYTES_AT_LEAST = 64 << 20,
};

struct control_store {
    const char *directory; // the caller's
    int directory_fd;      // holds the lock that keeps a second process out
    MDB_env *env;
    MDB_dbi meta, entries;
    uint64_t counters[CONTROL_STORE_COUNTER_COUNT];
    const char *reason;
    char error[512];
};

static const struct base_counter counter_rows[] = {CONTROL_STORE_COUNTERS(BASE_COUNTER_ROW)};

// ---- opening

static bool sync_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced;
}

// Makes the directory if only that one is missing, and its name in its parent durable.
static bool make_directory(const char *path)
{
    char parent[4096];
    if (mkdir(path, DIRECTORY_MODE) != 0)
        return errno == EEXIST;
    snprintf(parent, sizeof parent, "%s", path);
    return sync_path(dirname(parent));
}

static bool lock_directory(struct control_store *store)
{
    if (make_directory(store->directory))
        store->directory_fd = open(store->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->directory_fd < 0) {
        base_error("mapper.state %s: cannot be used (%s); expected a directory, or one to make in "
                   "an existing directory",
                   store->directory, strerror(errno));
        return false;
    }
    if (flock(store->directory_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    base_error("mapper.state %s: another process uses it; stop it, or set mapper.state to another "
               "directory",
               store->directory);
    return false;
}

static int open_environment(struct control_store *store, const struct control_store_options *o)
{
    uint64_t size = BYTES_AT_LEAST + (uint64_t)BYTES_PER_ENTRY * o->capacity;
    int error = mdb_env_create(&store->env);
    if (error == 0)
        error = mdb_env_set_maxdbs(store->env, DATABASES);
    if (error == 0)
        error = mdb_env_set_mapsize(store->env, o->size_max != 0 ? o->size_max : size);
    if (error == 0)
        error = mdb_env_open(store->env, store->directory, 0, FILE_MODE);
    // LMDB syncs its files, but not that they exist.
    if (error == 0 && fsync(store->directory_fd) != 0)
        error = errno;
    return error;
}

static int open_databases(struct control_store *store, MDB_txn *txn, uint32_t *ret_schema)
{
    MDB_val key = {6, (char[]){"schema"}}, value = {sizeof *ret_schema, ret_schema};
    *ret_schema = CONTROL_STORE_SCHEMA;
    int error = mdb_dbi_open(txn, "meta", MDB_CREATE, &store->meta);
    if (error == 0)
        error = mdb_put(txn, store->meta, &key, &value, MDB_NOOVERWRITE);
    if (error == MDB_KEYEXIST) {
        error = value.mv_size == sizeof *ret_schema ? 0 : MDB_CORRUPTED;
        if (error == 0)
            memcpy(ret_schema, value.mv_data, sizeof *ret_schema);
    }
    // What a newer schema keeps, and how, is not known.
    if (error == 0 && *ret_schema <= CONTROL_STORE_SCHEMA)
        error = mdb_dbi_open(txn, "entries", MDB_CREATE | MDB_INTEGERKEY, &store->entries);
    return error;
}

static bool open_store(struct control_store *store, const struct control_store_options *options)
{
    MDB_txn *txn = NULL;
    uint32_t schema = 0;
    int error = open_environment(store, options);
    if (error == 0)
        error = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (error == 0)
        error = open_databases(store, txn, &schema);
    if (error == 0 && schema > CONTROL_STORE_SCHEMA) {
        mdb_txn_abort(txn);
        base_error("mapper.state %s: found schema %u, expected at most %d: a newer portoland wrote "
                   "it; run that one, or set mapper.state to another directory",
                   store->directory, schema, CONTROL_STORE_SCHEMA);
        return false;
    }
    if (error == 0)
        error = mdb_txn_commit(txn);
    else if (txn != NULL)
        mdb_txn_abort(txn);
    if (error != 0)
        base_error("mapper.state %s: the database cannot be opened (%s); check the directory's "
                   "owner and the space on its disk",
                   store->directory, mdb_strerror(error));
    return error == 0;
}

struct control_store *control_store_open(const struct control_store_options *options)
{
    struct control_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        base_error("mapper.state: no memory");
        return NULL;
    }
    store->directory = options->directory;
    store->directory_fd = -1;
    if (lock_directory(store) && open_store(store, options))
        return store;
    control_store_close(store);
    return NULL;
}

void control_store_close(struct control_store *store)
{
    if (store == NULL)
        return;
    if (store->env != NULL)
        mdb_env_close(store->env);
    if (store->directory_fd >= 0)
        close(store->directory_fd);
    free(store);
}

// ---- loading

static bool say_bad_entry(const struct control_store *store, uint32_t slot, uint32_t status)
{
    if (status == NDR_EPM_STATUS_NO_MEMORY)
        base_error("mapper.state %s: entry %u does not fit; raise mapper.capacity above %u",
                   store->directory, slot, slot);
    else
        base_error("mapper.state %s: entry %u is damaged; bring back a backup of the directory, or "
                   "move it away to start without registrations",
                   store->directory, slot);
    return false;
}

static bool load_entry(const struct control_store *store, struct mapper_map *map,
                       const MDB_val *key, const MDB_val *value)
{
    uint32_t slot = UINT32_MAX;
    struct control_store_record record;
    if (key->mv_size != sizeof slot)
        return say_bad_entry(store, slot, NDR_EPM_STATUS_INVALID_ENTRY);
    memcpy(&slot, key->mv_data, sizeof slot);
    if (!control_store_record_read(value->mv_data, value->mv_size, &record))
        return say_bad_entry(store, slot, NDR_EPM_STATUS_INVALID_ENTRY);
    uint32_t status = mapper_map_restore(map, &record.entry, record.origin, slot);
    return status == NDR_EPM_STATUS_OK || say_bad_entry(store, slot, status);
}

bool control_store_load(struct control_store *store, struct mapper_map *map,
                        void (*make_room)(void *context), void *context)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    bool loaded = true;
    int error = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (error == 0)
        error = mdb_cursor_open(txn, store->entries, &cursor);
    while (error == 0 && loaded && (error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        make_room(context);
        loaded = load_entry(store, map, &key, &value);
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    if (txn != NULL)
        mdb_txn_abort(txn);
    if (error != 0 && error != MDB_NOTFOUND) {
        base_error("mapper.state %s: cannot be read (%s)", store->directory, mdb_strerror(error));
        return false;
    }
    return loaded;
}

// ---- recording

static int put_entry(struct control_store *store, MDB_txn *txn, const struct mapper_entry *entry)
{
    uint32_t slot = entry->slot;
    MDB_val key = {sizeof slot, &slot}, value = {control_store_record_size(entry), NULL};
    int error = mdb_put(txn, store->entries, &key, &value, MDB_RESERVE);
    if (error == 0)
        control_store_record_write(entry, value.mv_data);
    return error;
}

// A slot of a static endpoint has nothing kept, unless somebody had registered the same before.
static int remove_entry(struct control_store *store, MDB_txn *txn, const struct mapper_entry *entry)
{
    uint32_t slot = entry->slot;
    MDB_val key = {sizeof slot, &slot};
    int error = mdb_del(txn, store->entries, &key, NULL);
    return error == MDB_NOTFOUND ? 0 : error;
}

static int write_all(struct control_store *store, const struct mapper_op *ops, uint32_t count)
{
    MDB_txn *txn;
    int error = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (error != 0)
        return error;
    for (uint32_t i = 0; i < count && error == 0; i++) {
        if (ops[i].kind == MAPPER_OP_REMOVE)
            error = remove_entry(store, txn, ops[i].entry);
        else if (ops[i].entry->origin != MAPPER_ORIGIN_STATIC)
            error = put_entry(store, txn, ops[i].entry);
    }
    if (error == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return error;
}

static void refuse(struct control_store *store, int error)
{
    enum control_store_counter counter = CONTROL_STORE_DROP_FAILED;
    const char *advice = "see the system's log, then restart portoland";
    store->reason = "unavailable";
    if (error == ENOSPC || error == EDQUOT) {
        counter = CONTROL_STORE_DROP_DISK_FULL;
        advice = "free some space on its disk and try again";
        store->reason = "full";
    } else if (error == MDB_MAP_FULL) {
        counter = CONTROL_STORE_DROP_FULL;
        advice = "raise mapper.capacity, from which its size is reckoned, and restart portoland";
        store->reason = "full";
    }
    store->counters[counter]++;
    snprintf(store->error, sizeof store->error,
             "%s: the change cannot be kept (%s), and nothing was changed; %s", store->directory,
             mdb_strerror(error), advice);
}

uint32_t control_store_record(void *context, const struct mapper_op *ops, uint32_t count)
{
    struct control_store *store = context;
    int error = write_all(store, ops, count);
    if (error != 0) {
        refuse(store, error);
        return NDR_EPM_STATUS_UPDATE_FAILED;
    }
    store->counters[CONTROL_STORE_COMMITS]++;
    store->counters[CONTROL_STORE_OPERATIONS] += count;
    return NDR_EPM_STATUS_OK;
}

const char *control_store_problem(const struct control_store *store, const char **ret_error)
{
    *ret_error = store->error;
    return store->reason;
}

void control_store_report(const struct control_store *store, json_t *counters)
{
    for (unsigned i = 0; i < CONTROL_STORE_COUNTER_COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "store.%s", counter_rows[i].name);
        json_array_append_new(
            counters, json_pack("{s:s, s:s, s:s, s:I, s:[]}", "name", name, "kind",
                                counter_rows[i].kind == BASE_COUNTER_DROP ? "drop" : "event",
                                "help", counter_rows[i].help, "total",
                                (json_int_t)base_counter_read(&store->counters[i]), "workers"));
    }
}
