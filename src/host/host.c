/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include "base/text.h"

#include <errno.h>
#include <time.h>

void tc_host_read(tc_host *host, const char *root)
{
    host->taken = (int64_t)time(NULL);
    tc_dentry_read(&host->dentry, root);
    tc_dentry_sysctls_read(&host->sysctls, root);
    tc_memory_read(&host->memory, root);
    tc_slab_read(&host->slab, root);
    tc_cgroup_read(&host->cgroup, root);
}

void tc_host_bound(tc_host *host)
{
    tc_slab *slab = &host->slab;
    tc_cgroup *cgroup = &host->cgroup;

    if (slab->others > TC_SLAB_TOP) {
        slab->others_error = EPROTO;
        slab->others = 0;
    }
    tc_text_bound(slab->dentry.name, sizeof slab->dentry.name);
    for (unsigned at = 0; at < TC_SLAB_TOP; at++)
        tc_text_bound(slab->other[at].name, sizeof slab->other[at].name);
    tc_text_bound(cgroup->path, sizeof cgroup->path);
    if (cgroup->version < 0 || cgroup->version > 2)
        cgroup->error = EPROTO;
}

tc_reading tc_host_dentry_bytes(const tc_host *host, bool *estimated)
{
    *estimated = host->slab.error != 0;
    if (!*estimated)
        return tc_reading_of(host->slab.dentry.bytes);
    return tc_reading_times(host->dentry.dentries, TC_DENTRY_BYTES);
}

tc_reading tc_host_usable(const tc_memory *memory, const tc_cgroup *cgroup)
{
    tc_reading limit = cgroup->limit;

    if (cgroup->error || limit.error)
        return memory->total;
    if (memory->total.error)
        return limit.value == TC_UNLIMITED ? memory->total : limit;
    return limit.value < memory->total.value ? limit : memory->total;
}
