# Release builds everywhere: the C kernels are far slower without optimisation. The flag lets small Swift accessors inline
# across modules.
FLAGS := -c release -Xswiftc -cross-module-optimization
PRETRAIN := .build/release/pretrain

# pkg-config name : Debian package
LIBRARIES := openblas:libopenblas-dev libpng:libpng-dev libjpeg:libjpeg-dev zlib:zlib1g-dev libtiff-4:libtiff-dev \
  libwebp:libwebp-dev

.PHONY: setup demo install test snapshots lint lint-c format mpi mpi-library processes bench golden kill health fuzz traits pages sanitize sanitize-quick \
  examples clean

# Installs the system libraries that pkg-config does not find; on systems without apt it says which, and stops.
setup:
	@command -v swift >/dev/null || { echo "Swift 6.3 or newer is needed: https://www.swift.org/install"; exit 1; }
	@missing=""; \
	command -v pkg-config >/dev/null || missing="pkg-config"; \
	for pair in $(LIBRARIES); do \
	  pkg-config --exists "$${pair%%:*}" 2>/dev/null || missing="$$missing $${pair#*:}"; \
	done; \
	[ -z "$$missing" ] && exit 0; \
	command -v apt-get >/dev/null || { echo "please install these libraries (Debian's names): $$missing"; exit 1; }; \
	sudo=""; [ "$$(id -u)" = 0 ] || sudo="sudo"; \
	echo "installing$$missing"; \
	$$sudo apt-get update -qq && $$sudo apt-get install -y -qq $$missing

# Pretrains ColorMAE on the built-in pictures, draws reconstructions, probes the features and writes the report: about five minutes.
demo: setup
	swift build $(FLAGS) --product pretrain
	$(PRETRAIN) --recipe colormae.json --overwrite
	$(PRETRAIN) view runs/colormae
	$(PRETRAIN) probe runs/colormae
	$(PRETRAIN) diagnose runs/colormae
	$(PRETRAIN) report runs/colormae

# The program with its recipes, cards and completions below PREFIX. Swift's own libraries are linked into it, so that it runs
# without the toolchain; the libraries of `make setup` stay.
PREFIX := /usr/local
SHARE = $(DESTDIR)$(PREFIX)/share
install: setup
	swift build $(FLAGS) --static-swift-stdlib --scratch-path .build-install --product pretrain
	install -D -m 755 .build-install/release/pretrain $(DESTDIR)$(PREFIX)/bin/pretrain
	for file in $$(find recipes datasets -name '*.json'); do \
	  install -D -m 644 $$file $(SHARE)/palimpsest/$$file || exit 1; \
	done
	install -D -m 644 LICENSE $(SHARE)/doc/palimpsest/LICENSE
	for place in bash:bash-completion/completions/pretrain zsh:zsh/site-functions/_pretrain \
	  fish:fish/vendor_completions.d/pretrain.fish; do \
	  mkdir -p "$$(dirname "$(SHARE)/$${place#*:}")" || exit 1; \
	  .build-install/release/pretrain --generate-completion-script $${place%%:*} >"$(SHARE)/$${place#*:}" || exit 1; \
	done

test: setup
	swift test $(FLAGS)

# Help texts and error texts as they are now become the ones that are meant.
snapshots: setup
	PALIMPSEST_RENEW_SNAPSHOTS=1 swift test $(FLAGS) --filter SnapshotTests

# What a target imports, it must name. A build without optimisation tells that, in a third of the time, and in a folder of its own:
# other flags would have the next build begin anew.
lint: setup lint-c
	swift format lint --strict --recursive --parallel Sources Tests Package.swift
	swift build --scratch-path .build-lint --explicit-target-dependency-import-check error

# Warnings of the C targets are errors here, and only here: another compiler may know others. The compiler is Swift's own.
CLANG = $(dir $(realpath $(shell command -v swift)))clang
lint-c:
	for target in CPalimpsestKernels CPalimpsestImageCodecs CPalimpsestMPI; do \
	  for traits in "" "-DPAL_TIFF -DPAL_WEBP"; do \
	    $(CLANG) -std=c11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Werror -fsyntax-only -ISources/$$target/include $$traits \
	      $$(pkg-config --cflags openblas libpng libjpeg zlib libtiff-4 libwebp libwebpdemux) Sources/$$target/*.c || exit 1; \
	  done; \
	done

# Packages of their own that use this one as anybody else would: built, run, and none fetches another package.
examples: setup
	Examples/run.sh

# The program with MPI in it, in a folder of its own.
mpi: setup mpi-library
	swift build $(FLAGS) --traits default,MPI --scratch-path .build-mpi --product pretrain

mpi-library:
	@pkg-config --exists mpi-c && command -v mpirun >/dev/null || { \
	  command -v apt-get >/dev/null || { echo "please install OpenMPI or MPICH (Debian: libopenmpi-dev openmpi-bin)"; exit 1; }; \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo="sudo"; \
	  $$sudo apt-get update -qq && $$sudo apt-get install -y -qq libopenmpi-dev openmpi-bin; }

# Every method by 1 to 4 processes on this machine, a process ended in the middle, and what cannot work.
processes: setup
	@$(MAKE) mpi-library || echo "SKIPPED: there is no MPI here, and it cannot be installed"
	@! pkg-config --exists mpi-c || { $(MAKE) mpi && Tests/Processes/run.sh; }

format:
	swift format --in-place --recursive --parallel Sources Tests Package.swift

bench: setup
	swift build $(FLAGS) --product bench
	.build/release/bench

# Kills runs of every method at every rename and at random times, goes on with them and compares: about five minutes.
KILLS := 30
kill: setup
	swift build $(FLAGS) --product pretrain
	Tests/Kills/run.sh $(KILLS)

# Tries the health alarms on some forty short runs, healthy and collapsing: a quarter of an hour on two idle cores. The table
# and the rates are printed; docs/health.md has the last ones.
health: setup
	swift build $(FLAGS) --product pretrain
	Tests/Health/run.sh

# Every reader of foreign bytes, on damaged files: 10,000,000 inputs for pictures, 1,000,000 for others, or SECONDS each.
SECONDS := 3600
fuzz: setup
	swift build $(FLAGS) --product fuzz
	Tests/Fuzzing/run.sh $(SECONDS)

# Builds without TIFF, WebP and commands, in a folder of their own, and what they say.
traits: setup
	Tests/Traits/run.sh

# Pages in a browser without a window, at two widths; installs Debian's chromium where there is none.
pages: setup
	@command -v chromium chromium-browser google-chrome >/dev/null || ! command -v apt-get >/dev/null || { \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo="sudo"; $$sudo apt-get update -qq && $$sudo apt-get install -y -qq chromium || true; }
	swift build $(FLAGS) --product pretrain
	Tests/Pages/run.sh

# Every golden case that is shipped with the tests; name another folder with GOLDEN=...
GOLDEN := Tests/Golden
golden: setup
	swift build $(FLAGS) --product pretrain
	$(PRETRAIN) verify $(GOLDEN)

# Each has a build of its own. What others leak or race for is named in lists.
SUITES := .
# Swift has no such option on Linux, and its own arithmetic traps anyway; the C code does with these flags.
UNDEFINED := -Xcc -fsanitize=undefined -Xcc -fsanitize-trap=undefined
export LSAN_OPTIONS := suppressions=$(CURDIR)/Tests/leaks.txt:print_suppressions=0
export TSAN_OPTIONS := suppressions=$(CURDIR)/Tests/races.txt
sanitize: setup
	swift test $(FLAGS) --sanitize=address --scratch-path .build-address --filter '$(SUITES)'
	swift test $(FLAGS) $(UNDEFINED) --scratch-path .build-undefined --filter '$(SUITES)'
	swift test $(FLAGS) --sanitize=thread --scratch-path .build-thread --filter '$(SUITES)'

# Codecs, parsers, loader, pool and checkpoints under address checking: what reads foreign bytes or shares memory.
sanitize-quick: setup
	swift test $(FLAGS) --sanitize=address --scratch-path .build-address --filter \
	  '^(ImageDataTests|CheckpointsTests|RecipeSchemaTests|EncoderFilesTests)\.|AutodiffTests.ThreadPoolTests'

clean:
	rm -rf .build .build-*
