/* SPDX-License-Identifier: Apache-2.0 */
/* In words: whether all is well, and if not, what to change. */
#ifndef TC_DIAGNOSIS_H
#define TC_DIAGNOSIS_H

#include "snapshot.h"

#define TC_FINDINGS 16

typedef enum tc_severity {
    TC_NOTE,   /* worth knowing */
    TC_WARNING /* to be mended */
} tc_severity;

typedef struct tc_finding {
    tc_severity severity;
    const char *id;            /* stable, for machines: "method_leaves_dentries" */
    char what[320], todo[320]; /* sentences; `todo` may be empty */
} tc_finding;

typedef struct tc_diagnosis {
    bool well;         /* no warning among the findings */
    char summary[720]; /* the sentence at the top */
    unsigned findings; /* warnings first, the gravest first */
    tc_finding finding[TC_FINDINGS];
} tc_diagnosis;

void tc_diagnose(tc_diagnosis *diagnosis, const tc_snapshot *snapshot);

#endif
