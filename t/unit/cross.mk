# SPDX-License-Identifier: Apache-2.0
#
# Part of Makefile.apxs: everything compiled for 64-bit Arm, and the unit tests that
# need no library but libc run there, in an emulator; the resampler under sanitizers too.
# The headers of the other libraries are this machine's: they are the same for all
# 64-bit processors. CROSS_CC and CROSS_RUN name other programs than Debian's.

CROSS_NAME ?= aarch64-linux-gnu
CROSS_CC   ?= $(CROSS_NAME)-gcc
CROSS_AR   ?= $(CROSS_NAME)-ar
CROSS_RUN  ?= qemu-aarch64-static
CROSS_ROOT ?= /usr/$(CROSS_NAME)
CROSS      := $(BUILD)/cross

# A test that needs APR or a codec's library cannot be among them.
CROSS_TESTS := admission cgroup coalesce_table chart chart_parts chart_time counters dentry diagnosis error \
	geometry history memory mmap_threshold orientation params resample scale_ops seccomp sha256 slab \
	tempfile writer
# Where a read past a row would be.
CROSS_SANITIZED := scale_ops resample

# -fcf-protection is x86's alone.
CROSS_FLAGS   = $(filter-out -fcf-protection,$(OURS))
CROSS_HEADERS = -idirafter /usr/include -idirafter /usr/include/$(shell $(CC) -print-multiarch)
CROSS_OBJECTS := $(patsubst src/%.c,$(CROSS)/obj/%.o,$(INNER) $(SERVER)) \
	$(CROSS)/obj/mod_tmpfs_convert.o
CROSS_INNER   := $(patsubst src/%.c,$(CROSS)/obj/%.o,$(INNER))
CROSS_SCALE := $(wildcard src/image/scale/ops*.c) src/image/scale/resample.c src/image/scale/weights.c \
	src/base/error.c

.PHONY: cross cross-needs
# The emulator is no place to look for leaks: LeakSanitizer traces its own process.
cross: CROSS_RUNS := $(CROSS_TESTS:%=$(CROSS)/unit/%.t) $(CROSS_SANITIZED:%=$(CROSS)/sanitized/%.t)
cross: $(CROSS_OBJECTS) $(CROSS_TESTS:%=$(CROSS)/unit/%.t) $(CROSS_SANITIZED:%=$(CROSS)/sanitized/%.t)
	ASAN_OPTIONS=detect_leaks=0 \
	  prove $(if $(V),-v) --exec '$(CROSS_RUN) -L $(CROSS_ROOT)' $(CROSS_RUNS)

# Found by use, as tools/deps finds things; but it is much, so it is not installed there.
cross-needs:
	@missing=; \
	echo '#include <stdio.h>' | $(CROSS_CC) -E - >/dev/null 2>&1 || \
	  missing="$$missing gcc-aarch64-linux-gnu libc6-dev-arm64-cross"; \
	$(CROSS_RUN) --version >/dev/null 2>&1 || missing="$$missing qemu-user-static"; \
	if [ -n "$$missing" ]; then \
	  echo "cross: missing, and not installed by tools/deps: apt-get install$$missing" >&2; \
	  exit 1; fi

$(CROSS)/obj/image/scale/ops_%.o: OPTIMISE := -O3
$(CROSS)/obj/image/compose/effect_gauss.o: OPTIMISE := -O3

CROSS_COMPILE = $(CROSS_CC) $(CROSS_FLAGS) $(OPTIMISE) -MMD -MP -c -o $@ $<
$(CROSS)/obj/%.o: src/%.c $(FLAGS_STAMP) | cross-needs
	@mkdir -p $(@D)
	$(call say,CROSS,$<)
	$(Q)$(CROSS_COMPILE) $(FLAGS_$(patsubst %/,%,$(dir $*))) $(CROSS_HEADERS)

$(CROSS)/obj/mod_tmpfs_convert.o: mod_tmpfs_convert.c $(FLAGS_STAMP) | cross-needs
	@mkdir -p $(@D)
	$(call say,CROSS,$<)
	$(Q)$(CROSS_COMPILE) $(FLAGS_server) $(CROSS_HEADERS)

$(CROSS)/libtc.a: $(CROSS_INNER)
	$(Q)rm -f $@ && $(CROSS_AR) rcs $@ $^

# What a test does not use of the archive is not linked, and asks for no library.
$(CROSS)/unit/%.t: t/unit/test_%.c $(wildcard t/unit/*.h) $(CROSS)/libtc.a
	@mkdir -p $(@D)
	$(call say,CROSS,$@)
	$(Q)$(CROSS_CC) $(CROSS_FLAGS) -Isrc $(APR_CPPFLAGS) -o $@ $< $(CROSS)/libtc.a -lm -pthread

$(CROSS)/sanitized/%.t: t/unit/test_%.c $(CROSS_SCALE) $(wildcard t/unit/*.h src/*/*.h src/*/*/*.h) \
  $(FLAGS_STAMP) | cross-needs
	@mkdir -p $(@D)
	$(call say,CROSS,$@)
	$(Q)$(CROSS_CC) $(CROSS_FLAGS) -U_FORTIFY_SOURCE -fsanitize=address,undefined \
	  -fno-sanitize-recover=undefined -Isrc -o $@ $< $(CROSS_SCALE) -lm

-include $(wildcard $(CROSS)/obj/*.d $(CROSS)/obj/*/*.d $(CROSS)/obj/*/*/*.d)
