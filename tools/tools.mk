# SPDX-License-Identifier: Apache-2.0
#
# Part of Makefile.apxs: the programs in build/bin. NAME is tools/FOLDER/NAME.c, or all of a
# folder of that name where it has parts.

PROGRAM_FOLDERS := tools/churn tools/measure/quality tools/picture/mkpicture dev/damage
PROGRAM_FILES   := $(sort $(wildcard tools/measure/*.c tools/migrate/*.c tools/picture/*.c))
PROGRAM_SOURCES := $(PROGRAM_FILES) $(wildcard $(PROGRAM_FOLDERS:=/*.c))
TOOLS := $(addprefix $(BUILD)/bin/,$(notdir $(PROGRAM_FOLDERS) $(PROGRAM_FILES:.c=)))

# The sources and headers of build/bin/$(1).
program = $(wildcard $(addsuffix /*.[ch],$(filter %/$(1),$(PROGRAM_FOLDERS)))) $\
	$(filter %/$(1).c,$(PROGRAM_FILES))

$(BUILD)/bin/%: $$(call program,$$*) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LINK_OURS) -Isrc $(CODEC_CPPFLAGS) -o $@ $(filter %.c,$^) $(ARCHIVE) \
	  $(CODEC_LIBS) -lz -lm -pthread
