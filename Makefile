# SPDX-License-Identifier: Apache-2.0
# One makefile for everything; `make help` lists the targets.

VARIANT ?=
B := build$(if $(VARIANT),/$(VARIANT))
ifeq ($(origin CC),default)
CC := $(if $(filter clang,$(VARIANT)),clang,gcc)
endif
MUSL_CC ?= musl-gcc
AR ?= ar
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy
KUBECTL ?=

# ---- rooms, in the order of the design: a room includes only rooms before it ----
COMMON_ROOMS := common json
MC_ROOMS := meta kinds patch store auth admission api client controllers scheduler runtime node net hosts http core cmd
RUNNER_ROOMS := kube lab loader expr check why journal session term repl

src_common := $(wildcard common/*.c)
src_json := $(wildcard common/json/*.c)
$(foreach r,$(MC_ROOMS),$(eval src_$(r) := $(wildcard mini-cluster/$(r)/*.c mini-cluster/$(r)/*/*.c)))
$(foreach r,$(RUNNER_ROOMS),$(eval src_$(r) := $(wildcard runner/$(r)/*.c)))
src_core := mini-cluster/core.c
src_kinds := $(filter-out mini-cluster/kinds/gen/%,$(src_kinds))

# ---- flags ----
PKGS_COMMON := libuv jansson yaml-0.1 libmicrohttpd gnutls libcurl
PKGS_MC := $(PKGS_COMMON) sqlite3 zlib
PKGS_RUNNER := $(PKGS_COMMON) sqlite3
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wvla \
        -Wformat=2 -Wundef -Wno-unused-parameter
ifeq ($(CI),true)
WARN += -Werror
endif
OPT := -O2 -g
ifeq ($(VARIANT),asan)
OPT := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
CFLAGS_ALL := -std=gnu17 $(OPT) $(WARN) -D_GNU_SOURCE -MMD -MP -Iinclude -I$(B)/gen \
              $(shell pkg-config --cflags $(PKGS_MC)) $(CFLAGS)
LDLIBS_MC := $(shell pkg-config --libs $(PKGS_MC)) -lwslay -lm -lpthread
LDLIBS_RUNNER := $(shell pkg-config --libs $(PKGS_RUNNER)) -lreadline -ljq \
                 -lcmark-gfm -lm -lpthread
LDFLAGS_ALL := $(filter -fsanitize=%,$(OPT)) $(LDFLAGS)

.PHONY: all check unit e2e sim asan bench lint fmt tidy labs-check install clean help
all: $(B)/mini-cluster $(B)/podlab ## build both programs
.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

# ---- objects and one archive per room ----
inc_mc := -Imini-cluster
inc_runner := -Irunner
objs = $(patsubst %.c,$(B)/obj/%.o,$(1))
$(B)/obj/mini-cluster/%.o: mini-cluster/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(inc_mc) -c -o $@ $<
$(B)/obj/runner/%.o: runner/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(inc_runner) -c -o $@ $<
$(B)/obj/common/%.o: common/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<
$(B)/obj/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(inc_mc) -c -o $@ $<

define room_archive
$(B)/lib/$(1).a: $(call objs,$(src_$(1))) $(extra_$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@$(AR) rcs $$@ $$^
endef
# Parts of a room that are generated: the kinds' tables.
extra_kinds := $(B)/obj/gen/kinds_data.o
include $(wildcard mini-cluster/*/room.mk runner/*/room.mk)
$(foreach r,$(COMMON_ROOMS) $(MC_ROOMS) $(RUNNER_ROOMS),$(eval $(call room_archive,$(r))))

libs = $(patsubst %,$(B)/lib/%.a,$(1))
link_group = -Wl,--start-group $(1) -Wl,--end-group

# ---- the kinds: YAML to const tables ----
# KINDS_EXTRA: a folder of further kinds (a test adds one).
KINDS_YAML := $(sort $(wildcard mini-cluster/kinds/*.yaml) $(if $(KINDS_EXTRA),$(wildcard $(KINDS_EXTRA)/*.yaml)))
$(B)/tools/kindc: $(wildcard mini-cluster/kinds/gen/*.c) $(call libs,$(COMMON_ROOMS))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MF $(B)/tools/kindc.d $(inc_mc) $(LDFLAGS_ALL) -o $@ $(filter %.c,$^) $(call link_group,$(filter %.a,$^)) $(LDLIBS_MC)
$(B)/gen/kinds_data.c: $(B)/tools/kindc $(KINDS_YAML)
	@mkdir -p $(@D)
	$(B)/tools/kindc $(KINDS_YAML) > $@

# ---- the guest: a small static program that runs inside containers ----
GUEST := build/guest/podlab-guest
GUEST_SRC := $(wildcard mini-cluster/guest/*.c)
$(GUEST): $(GUEST_SRC) $(wildcard mini-cluster/guest/*.h include/guest/*.h)
	@mkdir -p $(@D)
	$(MUSL_CC) -std=gnu17 -Os -static $(WARN) -D_GNU_SOURCE -Iinclude -Imini-cluster \
	  -idirafter /usr/include -idirafter /usr/include/$(shell gcc -dumpmachine) -s -o $@ $(GUEST_SRC)

# ---- programs ----
$(B)/mini-cluster: $(B)/obj/mini-cluster/main.o $(call libs,$(COMMON_ROOMS) $(MC_ROOMS))
	$(CC) $(LDFLAGS_ALL) -o $@ $< $(call link_group,$(filter %.a,$^)) $(LDLIBS_MC)
# runner/cmd belongs to the program alone: an archive of that name is mini-cluster's.
$(B)/podlab: $(call objs,runner/main.c $(wildcard runner/cmd/*.c)) $(call libs,$(COMMON_ROOMS) $(RUNNER_ROOMS))
	$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(call link_group,$(filter %.a,$^)) $(LDLIBS_RUNNER)

# ---- unit tests: tests/unit/<room>/<name>_test.c links that room and those before it ----
UNIT_SRC := $(sort $(wildcard tests/unit/*/*_test.c))
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC))
upto = $(if $(filter $(2),$(firstword $(1))),$(firstword $(1)),$(firstword $(1)) $(call upto,$(wordlist 2,99,$(1)),$(2)))
room_of = $(word 3,$(subst /, ,$(1)))
test_rooms = $(if $(filter $(1),$(COMMON_ROOMS)),$(COMMON_ROOMS),$(COMMON_ROOMS) \
  $(if $(filter $(1),$(MC_ROOMS)),$(call upto,$(MC_ROOMS),$(1)),$(call upto,$(RUNNER_ROOMS),$(1))))
define unit_rule
$(patsubst tests/unit/%.c,$(B)/unit/%,$(1)): $(1) $(wildcard tests/unit/*.h) $(call libs,$(call test_rooms,$(call room_of,$(1))))
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS_ALL) -MF $$@.d -Itests/unit $(if $(filter $(call room_of,$(1)),$(RUNNER_ROOMS)),$(inc_runner),$(inc_mc)) $$(LDFLAGS_ALL) -o $$@ $$< $$(call link_group,$$(filter %.a,$$^)) -lcmocka $(if $(filter $(call room_of,$(1)),$(RUNNER_ROOMS)),$(LDLIBS_RUNNER),$(LDLIBS_MC))
endef
$(foreach t,$(UNIT_SRC),$(eval $(call unit_rule,$(t))))

unit: $(UNIT_BIN) ## build and run the unit tests (one: make build/unit/ROOM/NAME_test)
	@tests/run-unit $(UNIT_BIN)

# ---- the simulation: the whole core on a virtual clock ----
$(B)/sim: $(wildcard tests/sim/*.c) $(wildcard tests/sim/*.h) $(call libs,$(COMMON_ROOMS) $(filter-out cmd,$(MC_ROOMS)))
	$(CC) $(CFLAGS_ALL) -MF $@.d $(inc_mc) -Itests/sim $(LDFLAGS_ALL) -o $@ $(filter %.c,$^) $(call link_group,$(filter %.a,$^)) $(LDLIBS_MC)
# The same over a core that was damaged on purpose, one way at a time: each file names a source and
# what sed does to it.
SIM_DAMAGES := $(patsubst tests/sim/damage/%.sed,%,$(wildcard tests/sim/damage/*.sed))
$(B)/damaged/%: tests/sim/damage/%.sed $(B)/sim
	@mkdir -p $(@D)
	@file=$$(sed -n 's/^# file: //p' $<); sed -f $< "$$file" > $@.c; \
	  ! cmp -s "$$file" $@.c || { echo "$< changes nothing of $$file" >&2; exit 1; }
	@$(CC) $(CFLAGS_ALL) -MF $@.d $(inc_mc) -c -o $@.o $@.c
	@$(CC) $(CFLAGS_ALL) -MF $@.d $(inc_mc) -Itests/sim $(LDFLAGS_ALL) -o $@ $(wildcard tests/sim/*.c) $@.o \
	  $(call link_group,$(call libs,$(COMMON_ROOMS) $(filter-out cmd,$(MC_ROOMS)))) $(LDLIBS_MC)
sim: $(B)/sim $(patsubst %,$(B)/damaged/%,$(SIM_DAMAGES)) ## run 400 simulated histories, and see damage noticed
	$(B)/sim --seeds 400
	for s in lost-writes nothing-goes nothing-starts; do $(B)/sim --seeds 20 --sabotage $$s || exit 1; done
	for d in $(SIM_DAMAGES); do $(B)/damaged/$$d --seeds 200 --damaged $$d || exit 1; done

e2e: all ## real kubectl, real Docker
	tests/run-e2e

labs-check: all ## prove every lab from both sides
	tests/run-labs

lint: all ## who includes whom, exported names, first lines
	tests/lint

# Slow: minutes.
tidy: $(GUEST) ## clang-tidy on every source
	$(CLANG_TIDY) --quiet $(src_common) $(src_json) $(foreach r,$(MC_ROOMS),$(src_$(r))) mini-cluster/main.c \
	  -- $(CFLAGS_ALL) $(inc_mc) -DGUEST_BLOB_FILE='"$(GUEST_BLOB)"'
	$(CLANG_TIDY) --quiet $(foreach r,$(RUNNER_ROOMS),$(src_$(r))) $(wildcard runner/cmd/*.c) runner/main.c \
	  -- $(CFLAGS_ALL) $(inc_runner)

check: unit sim e2e labs-check lint ## everything

asan: ## unit tests under ASan and UBSan
	$(MAKE) VARIANT=asan unit

$(B)/bench/mhd_bytes: tests/bench/mhd_bytes.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MF $@.d -o $@ $< -lmicrohttpd
# Benches of a part, without sockets: core_bench, store_bench.
$(B)/bench/%_bench: tests/bench/%_bench.c $(call libs,$(COMMON_ROOMS) $(filter-out cmd,$(MC_ROOMS)))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MF $@.d $(inc_mc) $(LDFLAGS_ALL) -o $@ $< $(call link_group,$(filter %.a,$^)) $(LDLIBS_MC)
bench: all $(B)/bench/mhd_bytes $(B)/bench/core_bench ## figures, each beside its target
	tests/bench/run

PREFIX ?= /usr/local
install: all ## install programs and labs under PREFIX
	install -D -t $(DESTDIR)$(PREFIX)/bin $(B)/mini-cluster $(B)/podlab
	mkdir -p $(DESTDIR)$(PREFIX)/share/podlab && cp -R labs $(DESTDIR)$(PREFIX)/share/podlab/

help: ## this list
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  \1|\2/p' $(MAKEFILE_LIST) | sort -u | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'
	@echo "Variables: VARIANT=asan|clang builds beside, in build/VARIANT/; CC; CI=true makes warnings errors;"
	@echo "PREFIX (/usr/local) and DESTDIR for install; KINDS_EXTRA is a folder of further kinds."

fmt: ## format every C source
	$(CLANG_FORMAT) -i $$(git ls-files '*.c' '*.h')

clean: ## remove everything built
	rm -rf build

-include $(shell find $(B)/obj $(B)/unit $(B)/tools -name '*.d' 2>/dev/null)
