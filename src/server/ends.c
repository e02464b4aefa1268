/* SPDX-License-Identifier: Apache-2.0 */
#include "ends.h"

#include "config.h"

#include <apr_atomic.h>

#include <sys/mman.h>
#include <unistd.h>

/*
 * A child has the slot of its number. Of two children with the same one the parent knows
 * nothing of the first, and of what is written there by a child that was taken over it
 * believes at worst that there is something to remove, or not: no index and no size is read.
 */
#define SLOTS 4096

typedef struct slot {
    volatile apr_uint32_t pid, named, ended;
} slot;

/* In memory that httpd retains over restarts; children inherit the mapping. */
static slot *slots(void)
{
    static const char key[] = "tmpfs-convert-ends";
    slot **kept = ap_retained_data_get(key);

    if (!kept) {
        kept = ap_retained_data_create(key, sizeof(slot *));
        *kept = mmap(NULL, SLOTS * sizeof(slot), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (*kept == MAP_FAILED)
            *kept = NULL;
    }
    return *kept;
}

int tc_ends_start(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main)
{
    (void)pconf;
    (void)plog;
    (void)ptemp;
    (void)main;
    slots();
    return OK;
}

static apr_status_t end_in_order(void *data)
{
    slot *own = data;

    if (apr_atomic_read32(&own->pid) == (apr_uint32_t)getpid())
        apr_atomic_set32(&own->ended, 1);
    return APR_SUCCESS;
}

void tc_ends_child(apr_pool_t *pool, server_rec *main)
{
    tc_server_conf *conf = ap_get_module_config(main->module_config, &tmpfs_convert_module);
    apr_uint32_t pid = (apr_uint32_t)getpid();
    slot *all = slots(), *own = all ? &all[pid % SLOTS] : NULL;

    if (!own)
        return;
    apr_atomic_set32(&own->named, 0);
    apr_atomic_set32(&own->ended, 0);
    apr_atomic_set32(&own->pid, pid);
    conf->temp_config.named = &own->named;
    apr_pool_cleanup_register(pool, own, end_in_order, apr_pool_cleanup_null);
}

bool tc_ends_may_leave(pid_t pid)
{
    slot *all = slots(), *its = all ? &all[(apr_uint32_t)pid % SLOTS] : NULL;

    if (!its || apr_atomic_read32(&its->pid) != (apr_uint32_t)pid)
        return true;
    return !apr_atomic_read32(&its->ended) && apr_atomic_read32(&its->named);
}
