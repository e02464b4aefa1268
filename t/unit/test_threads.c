/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions in several threads at once, as worker and event have them: each answer has
 * the bytes that it has alone. Under the thread sanitizer (make tsan) also that nothing
 * is shared between them that is written.
 */
#include "answers.h"
#include "files.h"
#include "image/pipeline/pipeline.h"
#include "tap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREADS      4
#define PICTURES_MAX 256

static const char *const parameters[] = {"dw=15,dh=15",
                                         "dw=60,ds=s,of=png,cw=50,ch=50,cc=10f8",
                                         "of=jpeg,sharpen=2x1,q=60",
                                         "of=png,angle=90",
                                         "of=jpeg,blur=2x1,bw=1,bh=1",
                                         "of=png,dw=9,da=n,dh=11"};

#define WAYS (sizeof parameters / sizeof parameters[0])

/* One thread's, or those made alone. */
typedef struct thread_work {
    const damage_file *files;
    size_t count, from;
    answer answers[PICTURES_MAX];
} thread_work;

static pthread_barrier_t start;

static answer convert(const damage_file *file, const char *text)
{
    tc_limits limits = {
        .max_output_w = 1000, .max_output_h = 1000, .max_radius = 9, .max_sigma = 9};
    answer answer = ANSWER_EMPTY;
    tc_input input = {read_memory, (void *)file, file->size, NULL};
    tc_output output = {add_up, &answer};
    tc_pipeline *pipeline = NULL;
    tc_params params;
    tc_fail fail = {0};

    tc_params_init(&params);
    answer.error = tc_params_parse(&params, text, strlen(text), NULL, NULL, &fail);
    tc_params_resolve(&params, false);
    if (!answer.error)
        answer.error = tc_pipeline_open(&pipeline, &input, &params, &limits, &fail);
    if (!answer.error)
        answer.error = tc_pipeline_run(pipeline, &output, NULL, NULL);
    tc_pipeline_free(pipeline);
    return answer;
}

static void convert_all(thread_work *work)
{
    for (size_t at = 0; at < work->count; at++) {
        size_t picture = (work->from + at) % work->count;
        work->answers[picture] = convert(&work->files[picture], parameters[picture % WAYS]);
    }
}

static void *run_thread(void *work)
{
    pthread_barrier_wait(&start);
    convert_all(work);
    return NULL;
}

static void compare(const thread_work *alone, const thread_work *thread)
{
    size_t different = 0;

    for (size_t at = 0; at < alone->count; at++) {
        const answer *a = &alone->answers[at], *b = &thread->answers[at];
        if (a->error || b->error || a->size != b->size || a->sum != b->sum) {
            printf("# %s, %s\n", alone->files[at].name, parameters[at % WAYS]);
            different++;
        }
    }
    ok(different == 0, "%zu answers of a thread are those made alone", alone->count);
}

int main(void)
{
    static thread_work alone, works[THREADS];
    pthread_t threads[THREADS];
    size_t count;
    damage_file *files = damage_read(PICTURES, &count);

    if (!ok(files && count >= 20 && count <= PICTURES_MAX, "there are pictures in %s",
            PICTURES))
        return done_testing();
    pthread_barrier_init(&start, NULL, THREADS);
    /* The threads first: what is made once for all is made by them, at once. */
    for (size_t at = 0; at < THREADS; at++) {
        works[at] = (thread_work){.files = files, .count = count, .from = at % 2 * count / 2};
        if (!ok(pthread_create(&threads[at], NULL, run_thread, &works[at]) == 0, "a thread"))
            exit(1);
    }
    for (size_t at = 0; at < THREADS; at++)
        pthread_join(threads[at], NULL);
    alone.files = files;
    alone.count = count;
    convert_all(&alone);
    for (size_t at = 0; at < THREADS; at++)
        compare(&alone, &works[at]);
    pthread_barrier_destroy(&start);
    damage_free(files, count);
    return done_testing();
}
