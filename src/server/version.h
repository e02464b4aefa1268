/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TC_VERSION_H
#define TC_VERSION_H

#define TC_VERSION "0.9"

#endif
