/* SPDX-License-Identifier: Apache-2.0 */
/* The slab caches, as slabtop(1) shows them. */
#ifndef CHURN_TABLE_H
#define CHURN_TABLE_H

#include <stdio.h>

/* slabtop's table, dentry first. */
void churn_table(FILE *to);

#endif
