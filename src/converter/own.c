/* SPDX-License-Identifier: Apache-2.0 */
/* For memfd_create. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "own.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct tc_own {
    pthread_mutex_t lock;
    int file;
    unsigned count;  /* bytes of the file */
    unsigned next;   /* the byte that is tried next */
    unsigned claims; /* bytes that are this process' */
    unsigned kept;   /* never more than `claims` */
    bool claimed[TC_OWN_MOST];
    tc_dialogue dialogue[TC_OWN_MOST];
};

unsigned tc_own_count(unsigned active, unsigned most)
{
    unsigned count = active < TC_OWN_MOST ? active : TC_OWN_MOST;

    return count < most - active ? count : most - active;
}

int tc_own_file(void)
{
    return memfd_create("converter-claims", MFD_CLOEXEC);
}

tc_own *tc_own_make(int file, unsigned count)
{
    tc_own *own = calloc(1, sizeof *own);

    if (!own || pthread_mutex_init(&own->lock, NULL) != 0) {
        free(own);
        return NULL;
    }
    own->file = file;
    own->count = count;
    own->next = (unsigned)getpid() % count;
    return own;
}

bool tc_own_take(tc_own *own, tc_dialogue *dialogue)
{
    bool has;

    if (!own)
        return false;
    pthread_mutex_lock(&own->lock);
    has = own->kept > 0;
    if (has)
        *dialogue = own->dialogue[--own->kept];
    pthread_mutex_unlock(&own->lock);
    return has;
}

/* One more byte, for as long as the process lives: one try, as there is another after each
   conversion. */
static bool claim(tc_own *own)
{
    unsigned at = own->next;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

    if (own->claims == own->count)
        return false;
    own->next = (at + 1) % own->count;
    /* The kernel would give a process again what it has. */
    if (own->claimed[at] || fcntl(own->file, F_SETLK, &lock))
        return false;
    own->claimed[at] = true;
    own->claims++;
    return true;
}

bool tc_own_put(tc_own *own, const tc_dialogue *dialogue)
{
    bool keeps;

    if (!own)
        return false;
    pthread_mutex_lock(&own->lock);
    keeps = own->kept < own->claims || claim(own);
    if (keeps)
        own->dialogue[own->kept++] = *dialogue;
    pthread_mutex_unlock(&own->lock);
    return keeps;
}

void tc_own_free(tc_own *own)
{
    if (!own)
        return;
    while (own->kept)
        close(own->dialogue[--own->kept].socket);
    pthread_mutex_destroy(&own->lock);
    free(own);
}
