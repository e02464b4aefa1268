# SPDX-License-Identifier: Apache-2.0
#
# Part of Makefile.apxs: the fuzz targets, t/fuzz/fuzz_NAME.c. Twice over: under
# libFuzzer and sanitizers (fuzz), and as unit tests that replay t/fuzz/corpus.

FUZZ_NAMES := $(patsubst t/fuzz/fuzz_%.c,%,$(sort $(wildcard t/fuzz/fuzz_*.c)))
REPLAYS    := $(FUZZ_NAMES:%=$(BUILD)/unit/fuzz_%.t)
TESTS      += $(REPLAYS)

# What a target needs beside fuzz.c and the inner layers.
FUZZ_CPPFLAGS    := -Isrc $(HTTPD_CPPFLAGS) $(CODEC_CPPFLAGS)
FUZZ_LIBS        := $(CODEC_LIBS) $(APR_LIBS) -lz -lm -pthread
FUZZ_SOURCES_url := src/server/url.c src/server/spelling.c src/server/request.c src/server/conditions.c src/server/raw.c \
	t/fuzz/httpd_stub.c
FUZZ_SOURCES_sign := src/server/call.c src/server/sign.c $(FUZZ_SOURCES_url)
# What libFuzzer's build of a target has in addition.
FUZZ_MORE_avif     := t/fuzz/heap.c
FUZZ_MORE_codec    := t/fuzz/mutate.c t/fuzz/heap.c
FUZZ_MORE_pipeline := t/fuzz/mutate.c t/fuzz/heap.c
FUZZ_HEADERS     := $(wildcard t/fuzz/*.h src/*/*.h src/*/*/*.h t/unit/*.h)

$(BUILD)/unit/fuzz_%.t: t/fuzz/fuzz_%.c t/fuzz/fuzz.c t/fuzz/replay.c $$(FUZZ_SOURCES_$$*) \
  $(FUZZ_HEADERS) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LINK_OURS) $(FUZZ_CPPFLAGS) -DFUZZ_CORPUS='"t/fuzz/corpus/$*"' -o $@ \
	  $(filter %.c,$^) $(ARCHIVE) $(FUZZ_LIBS)

# Sound pictures and inputs, made, not kept.
SEEDS := $(BUILD)/seeds/made
REFORMAT := $(BUILD)/fuzz/reformat
$(REFORMAT): t/fuzz/reformat.c t/fuzz/fuzz.c $(FUZZ_HEADERS) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LINK_OURS) $(FUZZ_CPPFLAGS) -o $@ $(filter %.c,$^) $(ARCHIVE) $(FUZZ_LIBS)
$(SEEDS): t/fuzz/seeds $(BUILD)/bin/mkpicture $(REFORMAT)
	$(call say,SEEDS,$(@D))
	$(Q)t/fuzz/seeds $(BUILD)/bin/mkpicture $(REFORMAT) $(@D) && touch $@

# ---- under libFuzzer ---------------------------------------------------------------
#
# clang's, past libtool: nothing of this is linked into a module. No recovery from
# undefined behaviour: a fuzzer sees only what ends the program.

CLANG ?= clang
FUZZ       := $(BUILD)/fuzz
FUZZ_FLAGS := -std=gnu11 -g -O1 -fno-omit-frame-pointer $(WARNINGS) \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined -DTC_GUARDED
FUZZ_COVERED := -fsanitize=fuzzer-no-link
FUZZ_COMPILE = $(CLANG) $(FUZZ_FLAGS) $(FUZZ_COVERED)
FUZZ_OBJECTS := $(patsubst src/%.c,$(FUZZ)/obj/%.o,$(INNER))
FUZZERS      := $(FUZZ_NAMES:%=$(FUZZ)/bin/%)
FUZZ_STAMP   := $(BUILD)/flags.fuzz
ifdef NEED_APXS
$(call stamp,$(FUZZ_STAMP),$(CLANG) $(FUZZ_FLAGS))
endif

$(FUZZ)/obj/%.o: src/%.c $(FLAGS_STAMP) $(FUZZ_STAMP)
	@mkdir -p $(@D)
	$(call say,CLANG,$<)
	$(Q)$(FUZZ_COMPILE) $(FLAGS_$(patsubst %/,%,$(dir $*))) -MMD -MP -c -o $@ $<

# Guarded buffers are checked byte by byte, which is coverage of no input.
$(FUZZ)/obj/base/buffer.o: FUZZ_COVERED :=

$(FUZZ)/libtc.a: $(FUZZ_OBJECTS)
	$(Q)rm -f $@ && ar rcs $@ $^

$(FUZZ)/bin/%: t/fuzz/fuzz_%.c t/fuzz/fuzz.c $$(FUZZ_SOURCES_$$*) $$(FUZZ_MORE_$$*) \
  $(FUZZ_HEADERS) $(FUZZ)/libtc.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer $(FUZZ_CPPFLAGS) -o $@ \
	  $(filter %.c,$^) $(FUZZ)/libtc.a $(FUZZ_LIBS)

-include $(wildcard $(FUZZ)/obj/*/*.d $(FUZZ)/obj/*/*/*.d)

.PHONY: fuzz fuzz-build fuzz-clang
fuzz-clang:
	@echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }' | \
	  $(CLANG) -fsanitize=fuzzer,address,undefined -x c - -o /dev/null 2>/dev/null || { \
	  echo 'fuzz: $(CLANG) with libFuzzer is not here: tools/deps --test installs clang and' \
	    'libclang-rt-dev; CLANG=NAME names another' >&2; exit 1; }
$(FUZZ_OBJECTS): | fuzz-clang
fuzz-build: $(FUZZERS) $(SEEDS)
fuzz: fuzz-build
	t/fuzz/run $(FUZZ) $(dir $(SEEDS))

# ---- damaged files at scale ---------------------------------------------------------
#
# Through the conversion and through a running httpd, both under the sanitizers; the
# suite has a short version of both.

tools: $(SEEDS)

DAMAGED ?= 10000
.PHONY: damage
damage:
	TC_DAMAGED=$(DAMAGED) TC_TEST_LIMIT=$${TC_TEST_LIMIT:-7200} tools/check --asan --mpm worker t/unit/test_damaged.c t/http/25-damaged.t
