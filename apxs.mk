# Builds CloudEP with apxs:  make -f apxs.mk [all|install|unit|asan|fuzz|tidy|fmt|clean]
#
# APXS   the apxs of the httpd to build for; a plain httpd's is named by its path:
#            make -f apxs.mk APXS=/usr/local/apache2/bin/apxs
# BUILD  where everything that is made goes
# DESTDIR, SBINDIR, CONFDIR, DATADIR, MANDIR, COMPLETIONDIR  where install puts things

APXS    ?= $(shell command -v apxs || command -v apxs2 || echo apxs)
BUILD   ?= build
DESTDIR ?=
SBINDIR ?= /usr/local/sbin
CONFDIR ?= /etc/cloudep
DATADIR ?= /usr/local/share/cloudep
MANDIR  ?= $(patsubst %/cloudep,%,$(DATADIR))/man
COMPLETIONDIR ?= $(patsubst %/cloudep,%,$(DATADIR))/bash-completion/completions

LIBEXECDIR := $(shell $(APXS) -q LIBEXECDIR)
ifeq ($(LIBEXECDIR),)
$(error $(APXS) does not answer: install apache2-dev, or name the apxs of your httpd with APXS=)
endif
APR_CONFIG := $(shell $(APXS) -q APR_CONFIG)
APU_CONFIG := $(shell $(APXS) -q APU_CONFIG)
PG_CONFIG  ?= pg_config

APR_CPPFLAGS := $(shell $(APR_CONFIG) --cppflags)
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wno-missing-field-initializers \
            $(if $(findstring clang,$(CC)),-Wno-cast-qual) # clang looks into the macros of apr_ring.h
HARDENING := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection
OPTIMISE  ?= -O2 -g
SANITIZE  ?=
INCLUDES := -isystem $(shell $(APXS) -q INCLUDEDIR) $(patsubst -I%,-isystem %,$(shell $(APR_CONFIG) --includes) \
            $(shell $(APU_CONFIG) --includes)) -isystem $(shell $(PG_CONFIG) --includedir) -Icommon
# The number of the last migration, which the modules need.
SCHEMA := $(shell ls sql | sed -n 's/^0*\([1-9][0-9]*\)_.*\.sql$$/\1/p' | sort -n | tail -1)
CPPFLAGS_ALL = $(APR_CPPFLAGS) $(INCLUDES) -DCLOUDEP_DATADIR='"$(DATADIR)"' \
               -DCLOUDEP_SCHEMA_VERSION=$(SCHEMA) $(CPPFLAGS)
CFLAGS_ALL := -std=gnu11 -fPIC -fvisibility=hidden $(OPTIMISE) $(WARNINGS) $(if $(SANITIZE),,$(HARDENING)) \
              $(SANITIZE) $(CFLAGS)
LDFLAGS_ALL := -Wl,-z,relro,-z,now $(SANITIZE) $(LDFLAGS)
LIBS := -ljansson -lcurl -lcrypto -largon2 -lzxcvbn -licui18n -licuuc -lqrencode -lpng -lpq
APR_LIBS := $(shell $(APU_CONFIG) --link-ld --libs) $(shell $(APR_CONFIG) --link-ld --libs)

# Every file of that ending in a folder and below it.
tree = $(sort $(shell find $(1) -name '*.$(2)'))
BASE   := $(call tree,common/base,c)
CORE   := $(filter-out $(BASE),$(call tree,common,c))
AUTH   := $(call tree,mod_cloudep_auth,c)
MEMBER := $(call tree,mod_cloudep_member,c)
CTL    := $(wildcard support/*.c)
UNIT   := $(wildcard t/unit/*_test.c)
FUZZ   := $(wildcard t/fuzz/*_fuzz.c)
C_FILES = $(BASE) $(CORE) $(AUTH) $(MEMBER) $(CTL) $(UNIT) $(FUZZ) $(wildcard t/unit/flow_shim.c t/wire/*.c t/operate/*.c t/fuzz/replay.c t/describe/*.c bench/*.c)
H_FILES = $(call tree,common,h) $(call tree,mod_cloudep_auth,h) $(call tree,mod_cloudep_member,h) $(wildcard support/*.h t/unit/*.h t/fuzz/*.h t/describe/*.h)
objects = $(patsubst %.c,$(BUILD)/%.o,$(1))

ARCHIVE := $(BUILD)/libcloudep_base.a
MODULES := $(BUILD)/mod_cloudep.so $(BUILD)/mod_cloudep_auth.so $(BUILD)/mod_cloudep_member.so
TESTS   := $(patsubst t/unit/%.c,$(BUILD)/unit/%,$(UNIT))
FLOW_TESTS := $(filter $(BUILD)/unit/flow_%,$(TESTS))
REPLAYS := $(patsubst t/fuzz/%.c,$(BUILD)/replay/%,$(FUZZ))

.PHONY: all modules install uninstall unit helpers asan tsan fuzz tidy fmt fmt-check clean
.DELETE_ON_ERROR:
.SECONDARY:
all: $(MODULES) $(BUILD)/cloudepctl reference
modules: $(MODULES)
unit: $(TESTS) helpers
# What tests of the modules need beside them.
helpers: $(REPLAYS) $(BUILD)/describe $(BUILD)/mod_second_style.so $(BUILD)/no_shared_memory.so

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/common/core/dbd_check.o $(BUILD)/common/service/sweep.o $(BUILD)/common/operate/health_checks.o: $(wildcard sql/*.sql)
# What knows where things are installed is made anew when that changes, as in "make" and then "make install DATADIR=...".
$(BUILD)/common/outbox/outbox.o $(BUILD)/support/migrate.o: $(BUILD)/datadir
$(BUILD)/datadir: FORCE
	@mkdir -p $(@D)
	@echo '$(DATADIR)' | cmp -s - $@ || echo '$(DATADIR)' >$@
.PHONY: FORCE
FORCE:

$(ARCHIVE): $(call objects,$(BASE))
	@rm -f $@
	@$(AR) rcs $@ $^

# The whole archive goes in, so that the content modules find every service that the headers promise.
$(BUILD)/mod_cloudep.so: $(call objects,$(CORE)) $(ARCHIVE)
	@$(CC) -shared $(LDFLAGS_ALL) -o $@ $(call objects,$(CORE)) -Wl,--whole-archive $(ARCHIVE) -Wl,--no-whole-archive $(LIBS)
$(BUILD)/mod_cloudep_auth.so: $(call objects,$(AUTH))
	@$(CC) -shared $(LDFLAGS_ALL) -o $@ $^ -ljansson
$(BUILD)/mod_cloudep_member.so: $(call objects,$(MEMBER))
	@$(CC) -shared $(LDFLAGS_ALL) -o $@ $^ -ljansson
$(BUILD)/cloudepctl: $(call objects,$(CTL)) $(ARCHIVE)
	@$(CC) -pie $(LDFLAGS_ALL) -o $@ $^ $(LIBS) $(APR_LIBS)
# Flows with all that they need, and without httpd: whatever of it they came to need would be missing here.
FLOWS := $(BUILD)/libcloudep_flow.a
$(FLOWS): $(call objects,$(foreach room,flow service idp oidc outbox core,$(call tree,common/$(room),c)) common/operate/health_checks.c)
	@rm -f $@
	@$(AR) rcs $@ $^
$(FLOW_TESTS): $(BUILD)/unit/%: $(BUILD)/t/unit/%.o $(BUILD)/t/unit/flow_shim.o $(FLOWS) $(ARCHIVE)
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) $(APR_LIBS) -lpthread
$(BUILD)/unit/%: $(BUILD)/t/unit/%.o $(ARCHIVE)
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(ARCHIVE) $(LDLIBS) $(LIBS) $(APR_LIBS) -lpthread
# What of the core works without httpd.
$(BUILD)/unit/pools_test: $(call objects,common/core/background.c common/core/http.c common/core/trace.c common/service/token_cache.c common/core/watchdog.c)
$(BUILD)/unit/trace_test: $(call objects,common/core/trace.c)
$(BUILD)/unit/http_test $(BUILD)/unit/tls_test: $(call objects,common/core/http.c common/core/trace.c)
$(BUILD)/unit/tls_test: LDLIBS := -lssl
$(BUILD)/unit/secret_file_test: $(call objects,common/core/ca_file.c common/core/kept_files.c common/core/secret_file.c)
$(BUILD)/unit/keys_test: $(call objects,$(addprefix common/core/,account_url.c http.c keys.c kept_files.c public_url.c trace.c))
$(BUILD)/unit/access_test: $(call objects,$(addprefix common/,$(addprefix access/,asked.c cookie.c entry_cookie.c origin.c session_cookie.c xsrf.c) \
	$(addprefix core/,http.c public_url.c request.c runtime.c trace.c)))
$(BUILD)/unit/event_tally_test: $(call objects,common/service/event_tally.c)
$(BUILD)/unit/portal_files_test: $(call objects,support/portal_files.c)
$(BUILD)/unit/config_test: $(call objects,common/core/config.c)
$(BUILD)/unit/dbd_test: $(call objects,$(addprefix common/core/,dbd.c dbd_check.c tree.c))
$(BUILD)/unit/messages_test: $(call objects,common/core/kept_files.c common/outbox/messages.c)
$(BUILD)/unit/codes_test: $(call objects,common/core/outcome.c common/wire/v1/codes.c)
# Of styles and answers only what needs no request is called, and the rest is not linked.
STYLES := $(wildcard common/wire/v1/style.c common/wire/v1/codes.c common/wire/account/*.c common/wire/session/style.c)
$(BUILD)/unit/style_test: $(BUILD)/t/unit/style_test.o $(call objects,$(STYLES) common/wire/answer.c common/core/outcome.c) $(ARCHIVE)
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_ALL) -no-pie -Wl,--unresolved-symbols=ignore-all -o $@ $^ $(LIBS) $(APR_LIBS) -lpthread
# What of a request needs no server. The rest is not linked.
SERVED := $(addprefix common/,$(addprefix wire/,answer.c body.c dispatch.c fields.c) \
	$(addprefix access/,asked.c cookie.c cors.c entry_cookie.c mount.c origin.c place.c session_cookie.c tls.c xsrf.c) \
	$(addprefix core/,context.c http.c outcome.c passkey_domain.c public_url.c request.c runtime.c trace.c) \
	$(addprefix guard/,attributes.c caching.c error.c guard.c identity.c login_page.c methods.c require.c step_up.c) \
	service/freshness.c service/token.c) mod_cloudep_auth/public_document.c $(STYLES)
$(addprefix $(BUILD)/unit/,page_test place_test): $(BUILD)/unit/%: $(BUILD)/t/unit/%.o $(call objects,$(SERVED)) $(ARCHIVE)
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_ALL) -no-pie -Wl,--unresolved-symbols=ignore-all -o $@ $^ $(LIBS) $(APR_LIBS) -lpthread
# The operations, and guarded Locations, with real flows.
$(addprefix $(BUILD)/unit/,enter_test guard_test serve_test styles_api_test v1_api_test): $(BUILD)/unit/%: $(BUILD)/t/unit/%.o $(BUILD)/t/unit/flow_shim.o $(call objects,$(foreach room,access wire guard,$(call tree,common/$(room),c)) \
	$(filter-out %/mod_cloudep_auth.c %/mod_cloudep_member.c,$(AUTH) $(MEMBER))) $(FLOWS) $(ARCHIVE)
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_ALL) -no-pie -Wl,--unresolved-symbols=ignore-all -o $@ $^ $(LIBS) $(APR_LIBS) -lpthread
$(BUILD)/unit/exposition_test: $(call objects,common/operate/exposition.c)

# Prints what the tables of the sources declare; tests and documents are held against it.
# Of the operations only the tables are linked, not the functions that they name.
$(call objects,$(wildcard t/describe/*.c)): INCLUDES += -It/describe
$(BUILD)/describe: $(call objects,$(wildcard t/describe/*.c) $(wildcard mod_cloudep_*/*/*.c) common/core/outcome.c common/wire/handoff.c common/wire/v1/codes.c)
	@$(CC) $(LDFLAGS_ALL) -no-pie -Wl,--unresolved-symbols=ignore-all -o $@ $^ -ljansson

# An API style that only a test serves.
$(BUILD)/mod_second_style.so: $(BUILD)/t/wire/second_style.o
	@$(CC) -shared $(LDFLAGS_ALL) -o $@ $^ -ljansson

# Loaded before httpd by a test.
$(BUILD)/no_shared_memory.so: $(BUILD)/t/operate/no_shared_memory.o
	@$(CC) -shared $(LDFLAGS_ALL) -o $@ $^

# What bench/run measures against, and what bench/overload sends.
.PHONY: bench
bench: $(BUILD)/mod_reference.so $(BUILD)/argon2_rate $(BUILD)/arrivals $(BUILD)/assertion_time $(BUILD)/metrics_cost
$(BUILD)/mod_reference.so: $(BUILD)/bench/mod_reference.o
	@$(CC) -shared $(LDFLAGS_ALL) -o $@ $^
$(BUILD)/metrics_cost: $(BUILD)/bench/metrics_cost.o $(ARCHIVE)
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) $(APR_LIBS)
$(BUILD)/argon2_rate $(BUILD)/arrivals: $(BUILD)/%: $(BUILD)/bench/%.o
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ -largon2 -lpthread -lm
$(BUILD)/assertion_time: $(BUILD)/bench/assertion_time.o $(ARCHIVE)
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) $(APR_LIBS)

# The API as a page, where Perl's YAML::XS is there to read it.
.PHONY: reference
reference: $(if $(shell perl -MYAML::XS -e 'print 1' 2>/dev/null),$(BUILD)/reference/index.html)
$(BUILD)/reference/index.html: doc/openapi.yaml doc/reference/reference.css support/reference
	@mkdir -p $(@D)
	@perl support/reference doc/openapi.yaml >$@
	@cp doc/reference/reference.css $(@D)

# The manual pages and the completion for bash, from the help of cloudepctl and doc/directives.md.
MANUAL := $(addprefix $(BUILD)/man/,cloudepctl.8 cloudep.conf.5 cloudepctl)
.PHONY: man
man: $(MANUAL)
$(BUILD)/man/cloudepctl.8: $(BUILD)/cloudepctl support/manual
	@mkdir -p $(@D)
	@perl support/manual cloudepctl $< >$@
$(BUILD)/man/cloudepctl: $(BUILD)/cloudepctl support/manual
	@mkdir -p $(@D)
	@perl support/manual completion $< >$@
$(BUILD)/man/cloudep.conf.5: doc/directives.md support/manual
	@mkdir -p $(@D)
	@perl support/manual cloudep.conf $< >$@

# Files that an administrator edits are installed where there is none, or where nobody has edited the one of before; else the
# new one is put beside it with .dist behind its name. INSTALLED has what was installed, to tell by.
INSTALLED := $(DATADIR)/installed
install_edited = to='$(DESTDIR)$(2)' kept='$(DESTDIR)$(INSTALLED)/$(notdir $(2))'; \
    if [ ! -e "$$to" ] || cmp -s "$$to" "$$kept"; then install -m 644 $(1) "$$to"; rm -f "$$to.dist"; \
    elif ! cmp -s $(1) "$$kept" && ! cmp -s $(1) "$$to"; then install -m 644 $(1) "$$to.dist"; \
        echo "$(2) has been edited and stays as it is; the new one is $(2).dist" >&2; fi; \
    install -m 644 $(1) "$$kept"

FOLDERS = $(LIBEXECDIR) $(SBINDIR) $(CONFDIR) $(CONFDIR)/portal $(INSTALLED) $(DATADIR)/sql $(DATADIR)/templates $(MANDIR)/man5 \
    $(MANDIR)/man8 $(COMPLETIONDIR)
PORTAL := $(filter-out portal/custom/%,$(shell find portal -type f))
CONFIGURATION := cloudep.load cloudep.conf cloudep-api.conf
# The files of httpd.conf.d with the folders of this installation in them.
$(BUILD)/conf/%: httpd.conf.d/% FORCE
	@mkdir -p $(@D)
	@sed -e 's|modules/mod_cloudep|$(LIBEXECDIR)/mod_cloudep|; s|/usr/local/share/cloudep|$(DATADIR)|; s|/etc/cloudep|$(CONFDIR)|' $< >$@

install: all man $(addprefix $(BUILD)/conf/,$(CONFIGURATION))
	install -d $(addprefix $(DESTDIR),$(FOLDERS) $(sort $(dir $(addprefix $(DATADIR)/,$(PORTAL)))))
	install -m 644 $(MODULES) $(DESTDIR)$(LIBEXECDIR)
	install -m 755 $(BUILD)/cloudepctl $(DESTDIR)$(SBINDIR)
	install -m 644 $(BUILD)/man/cloudepctl.8 $(DESTDIR)$(MANDIR)/man8
	install -m 644 $(BUILD)/man/cloudep.conf.5 $(DESTDIR)$(MANDIR)/man5
	install -m 644 $(BUILD)/man/cloudepctl $(DESTDIR)$(COMPLETIONDIR)
	install -m 644 sql/*.sql $(DESTDIR)$(DATADIR)/sql
	install -m 644 $(wildcard common/templates/*) $(DESTDIR)$(DATADIR)/templates
	@$(foreach file,$(PORTAL),install -m 644 $(file) $(DESTDIR)$(DATADIR)/$(file) &&) true
	@$(foreach file,$(CONFIGURATION),$(call install_edited,$(BUILD)/conf/$(file),$(CONFDIR)/$(file));) true
	@$(foreach file,$(wildcard portal/custom/*),$(call install_edited,$(file),$(CONFDIR)/portal/$(notdir $(file)));) true
	@if [ -d $(BUILD)/reference ]; then install -d $(DESTDIR)$(DATADIR)/reference && install -m 644 $(BUILD)/reference/* $(DESTDIR)$(DATADIR)/reference; fi

# What install has put there, but for what was edited, and keys and secrets, which are the administrator's.
uninstall:
	rm -f $(addprefix $(DESTDIR)$(LIBEXECDIR)/,$(notdir $(MODULES))) $(DESTDIR)$(SBINDIR)/cloudepctl \
	    $(DESTDIR)$(MANDIR)/man8/cloudepctl.8 $(DESTDIR)$(MANDIR)/man5/cloudep.conf.5 $(DESTDIR)$(COMPLETIONDIR)/cloudepctl
	@for file in $(CONFIGURATION) $(addprefix portal/,$(notdir $(wildcard portal/custom/*))); do \
	    to="$(DESTDIR)$(CONFDIR)/$$file"; rm -f "$$to.dist"; \
	    ! cmp -s "$$to" "$(DESTDIR)$(INSTALLED)/$${file##*/}" || rm -f "$$to"; done
	rm -rf $(DESTDIR)$(DATADIR)
	@rmdir $(DESTDIR)$(CONFDIR)/portal $(DESTDIR)$(CONFDIR) 2>/dev/null || echo "$(CONFDIR) stays: there is something of yours in it" >&2

# The same tree, built to stop at the first undefined behaviour or bad access.
ASAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
asan:
	$(MAKE) -f apxs.mk BUILD=$(BUILD)/asan OPTIMISE='-O1 -g' SANITIZE='$(ASAN_FLAGS)' all unit

# Once more, to be told of data that threads share without agreeing on it. At -O1 gcc sees variables that may be unset.
TSAN_FLAGS := -fsanitize=thread -fno-omit-frame-pointer
tsan:
	$(MAKE) -f apxs.mk BUILD=$(BUILD)/tsan OPTIMISE='-O2 -g' SANITIZE='$(TSAN_FLAGS)' all unit

# One program a parser, in two forms: libFuzzer's, to look for inputs that break it, and one that replays the corpus.
FUZZ_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
fuzz:
	$(MAKE) -f apxs.mk BUILD=$(BUILD)/fuzz CC=clang OPTIMISE='-O1 -g' SANITIZE='-fsanitize=fuzzer-no-link $(FUZZ_FLAGS)' fuzzers
.PHONY: fuzzers
fuzzers: $(patsubst t/fuzz/%.c,$(BUILD)/%,$(FUZZ))
$(BUILD)/%_fuzz: $(BUILD)/t/fuzz/%_fuzz.o $(ARCHIVE)
	@$(CC) -fsanitize=fuzzer $(FUZZ_FLAGS) -o $@ $^ $(LIBS) $(APR_LIBS)
$(BUILD)/replay/%: $(BUILD)/t/fuzz/%.o $(BUILD)/t/fuzz/replay.o $(ARCHIVE)
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) $(APR_LIBS)

# One target a file, so that make -j runs some at once and make -k shows what is wrong in all.
TIDIED := $(addprefix tidy/,$(C_FILES))
.PHONY: $(TIDIED) cppcheck
$(TIDIED): tidy/%: %
	@clang-tidy --quiet $< -- -std=gnu11 $(CPPFLAGS_ALL)
tidy: $(TIDIED) cppcheck
cppcheck:
	@cppcheck --quiet -j $(shell nproc) --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,performance,portability \
	    --suppress=missingInclude -DLINUX -D_GNU_SOURCE '-DAP_DECLARE(type)=type' \
	    '-DAP_CORE_DECLARE(type)=type' '-DDBD_DECLARE_NONSTD(type)=type' -Icommon $(C_FILES)
fmt:
	@clang-format -i $(C_FILES) $(H_FILES)
fmt-check:
	@clang-format --dry-run --Werror $(C_FILES) $(H_FILES)
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
