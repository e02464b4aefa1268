# SPDX-License-Identifier: Apache-2.0
#
# Which folder may include which, from the inside out: part of Makefile.apxs, and what
# `make -f Makefile.apxs layers` holds them to. A folder sees those of its SEES only, and
# of the libraries besides libc those of its USES: codecs (and lcms), apr, httpd with apr.
# There are no circles: a folder may see only what stands above it here.

# errors, clock, cancellation, guarded buffers, text and numbers, SHA-256
LAYERS := base

# what a picture is: formats, models, strips of rows
LAYERS += image/core
SEES_image/core := base

# EXIF: orientation, copyright
LAYERS += image/exif
SEES_image/exif := base image/core

# the parameters of a URL
LAYERS += image/params
SEES_image/params := base image/core

# geometry, the resampler and its inner loops
LAYERS += image/scale
SEES_image/scale := base image/core image/exif image/params

# profiles and transforms
LAYERS += image/colour
SEES_image/colour := base image/core
USES_image/colour := codecs

# the coefficients that a JPEG's Huffman codes stand for
LAYERS += image/entropy
SEES_image/entropy :=

# a decoder and an encoder for each format
LAYERS += image/codec
SEES_image/codec := base image/core image/exif image/colour image/entropy
USES_image/codec := codecs

# a source decoded, resampled and oriented
LAYERS += image/picture
SEES_image/picture := base image/core image/exif image/params image/scale image/colour \
	image/codec

# what is laid on the result: canvas, border, blur, icon
LAYERS += image/compose
SEES_image/compose := $(SEES_image/picture) image/picture

# a whole conversion, and what it costs
LAYERS += image/pipeline
SEES_image/pipeline := $(SEES_image/compose) image/compose

# what the kernel says: dentries, slab, memory, cgroup
LAYERS += host
SEES_host := base

# memory that all processes share: its rules and processes, coalescing, counters, history
LAYERS += shared
SEES_shared := base image/core host

# which conversions run, wait in the queue or are refused
LAYERS += admission
SEES_admission := base shared

# temporary files
LAYERS += temp
SEES_temp := base image/core host shared admission
USES_temp := apr

# processes that decode what strangers sent, and their locks
LAYERS += converter
SEES_converter := base host $(SEES_image/pipeline) image/pipeline

# the status page, its charts and its other formats
LAYERS += status
SEES_status := base image/core image/colour image/codec host shared admission temp
USES_status := apr

# httpd
LAYERS += server
SEES_server := $(LAYERS)
USES_server := httpd
