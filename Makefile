# Release builds everywhere: the C kernels are far slower without optimisation. The flag lets small Swift accessors inline
# across modules.
FLAGS := -c release -Xswiftc -cross-module-optimization
PRETRAIN := .build/release/pretrain

# pkg-config name : Debian package
LIBRARIES := openblas:libopenblas-dev libpng:libpng-dev libjpeg:libjpeg-dev zlib:zlib1g-dev

.PHONY: setup demo test lint format bench golden sanitize examples clean

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

# Pretrains ColorMAE on the built-in pictures, draws reconstructions and probes the features: about five minutes.
demo: setup
	swift build $(FLAGS) --product pretrain
	$(PRETRAIN) --recipe colormae.json --overwrite
	$(PRETRAIN) view runs/colormae
	$(PRETRAIN) probe runs/colormae

test: setup
	swift test $(FLAGS)

lint: setup
	swift format lint --strict --recursive --parallel Sources Tests Package.swift
	swift build $(FLAGS) --explicit-target-dependency-import-check error

# Packages of their own that use this one as anybody else would.
examples: setup
	swift build --package-path Examples/MasksOnly

format:
	swift format --in-place --recursive --parallel Sources Tests Package.swift

bench: setup
	swift build $(FLAGS) --product bench
	.build/release/bench

# Every golden case that is shipped with the tests; name another folder with GOLDEN=...
GOLDEN := Tests/Golden
golden: setup
	swift build $(FLAGS) --product pretrain
	$(PRETRAIN) verify $(GOLDEN)

sanitize: setup
	swift test $(FLAGS) --sanitize=address --scratch-path .build-address
	swift test $(FLAGS) --sanitize=thread --scratch-path .build-thread

clean:
	rm -rf .build .build-*
