# How godkend is built, tested and measured. `make` alone explains.
#
# Everything lives in .venv, target and one extension module inside python/godkend; nothing is
# installed elsewhere. A stamp in .venv and the module's own time say what is current, so a second
# `make setup` does nothing.

PYTHON_MIN := 3.11
# cargo answers for the Rust version that Cargo.toml asks for; this is only for a readable refusal.
RUST_MIN := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
PY := $(BIN)/python
LOCKED := $(VENV)/stamp-locked
CORE := python/godkend/_core.abi3.so
CORE_SOURCES := $(shell find rust -type f) Cargo.toml $(wildcard Cargo.lock) pyproject.toml

# One profile for the extension, the tests and clippy: the C in aws-lc-sys and libsqlite3-sys is
# compiled once. --locked: what is built is what Cargo.lock says, or nothing.
CARGO_FLAGS := --release --locked

# pyo3 and maturin take the interpreter of .venv, whatever the caller's shell has activated. maturin
# refuses to choose between a virtualenv and conda.
export VIRTUAL_ENV := $(VENV)
# What maturin tells pyo3. Told the same, clippy does not build pyo3 anew after each maturin, nor the
# other way round; were it not found, that would be all that is lost.
PYO3_AS_MATURIN = PYO3_BUILD_EXTENSION_MODULE=1 $(addprefix PYO3_CONFIG_FILE=,\
  $(firstword $(wildcard $(CURDIR)/target/maturin/pyo3-config-*.txt)))
unexport CONDA_PREFIX PYTHONPATH PYTHONHOME

say = @printf '\n\033[1m== %s\033[0m\n' "$(1)"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help:
	@echo 'godkend: an authentication core. Rust decides, Python serves.'
	@echo
	@echo 'Begin with'
	@echo '  make demo      builds everything and plays a login from start to end'
	@echo
	@echo 'Needs python $(PYTHON_MIN) or later with venv, cargo (Rust $(RUST_MIN) or later), and a C compiler.'
	@echo 'The first build takes some minutes, most of it C; after that only what changed is built.'
	@awk '/^#@ / { printf "\n%s\n", substr($$0, 4) } \
	      /^[a-z-]+:.*## / { name = $$1; sub(/:.*/, "", name); sub(/.*## /, ""); \
	                         printf "  make %-12s %s\n", name, $$0 }' $(MAKEFILE_LIST)
	@echo
	@echo 'A change is ready when `make test` passes. bench, bench-compare, load and guards take ARGS="...".'

#@ Build
.PHONY: setup
setup: $(CORE) ## make .venv, install requirements.lock, build the extension; instant when current

$(LOCKED): requirements.lock
	@fail() { echo "setup: $$*" >&2; exit 1; }; \
	command -v cargo >/dev/null || fail 'cargo is missing; install Rust $(RUST_MIN) or later (rustup)'; \
	command -v cc >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null \
	  || fail 'a C compiler is missing; install gcc or clang'; \
	rust=$$(cargo --version | sed 's/^cargo \([0-9.]*\).*/\1/'); \
	test -n "$$rust" || fail 'cargo does not run; see above'; \
	python=; for candidate in $(PYTHON) python3 python3.11 python3.12 python3.13 python3.14; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(PYTHON_MIN)".split("."))))' \
	    2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	test -n "$$python" || fail 'no python $(PYTHON_MIN) or later; install one, or name it: make PYTHON=/path/to/python3'; \
	"$$python" -c 'import sys; v = [tuple(map(int, a.split(".")[:2])) for a in sys.argv[1:]]; sys.exit(v[0] < v[1])' \
	  "$$rust" '$(RUST_MIN)' || fail "Rust $$rust is too old; install $(RUST_MIN) or later (rustup update)"; \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null \
	  || fail "$$python has no venv; install its venv package (python3-venv)"; \
	printf '\n\033[1m== %s, cargo %s: packages of requirements.lock into .venv\033[0m\n' \
	  "$$("$$python" --version)" "$$rust"; \
	$(PY) -c '' 2>/dev/null || "$$python" -m venv --clear '$(VENV)'
	@$(PY) -m pip install --disable-pip-version-check --progress-bar off \
	  --require-hashes --requirement requirements.lock
	@touch $@

# pip may only look at what the lock brought: a dependency that is in pyproject.toml but not in the
# lock is an error here, not an unpinned download.
$(CORE): $(LOCKED) $(CORE_SOURCES)
	$(call say,the extension module godkend._core)
	@PIP_NO_INDEX=1 PIP_QUIET=1 PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/maturin develop $(CARGO_FLAGS)
	@touch $@

.PHONY: demo
demo: setup ## setup, then play a login in this terminal; ARGS=--tour plays weeks with an identity
	@$(BIN)/godkend demo $(ARGS)

#@ Check
.PHONY: test
test: lint test-rust test-python ## everything that must pass: lint, Rust tests, Python tests

.PHONY: test-rust
test-rust: setup ## tests of the core, without Python
	$(call say,cargo test)
	@cargo test $(CARGO_FLAGS) --package godkend-core $(ARGS)

.PHONY: test-python
test-python: setup ## tests of the package and the service, on the built extension
	$(call say,pytest)
	@$(PY) -m pytest -q $(ARGS)

.PHONY: lint
lint: setup proto-check ## format, lints and types of Rust, Python and proto
	$(call say,rustfmt and clippy)
	@cargo fmt --version >/dev/null && cargo clippy --version >/dev/null \
	  || { echo 'lint: rustup component add rustfmt clippy' >&2; exit 1; }
	@cargo fmt --all --check
	@$(PYO3_AS_MATURIN) cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings
	$(call say,ruff)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	$(call say,mypy and stubtest)
	@$(BIN)/mypy --strict
	@MYPYPATH=python $(PY) -m mypy.stubtest --mypy-config-file pyproject.toml godkend._core
	$(call say,buf)
	@$(BIN)/buf lint proto
	@$(BIN)/buf format --diff --exit-code proto
	$(call say,figures in README.md)
	@$(PY) -m bench.render --check

.PHONY: fmt
fmt: setup ## write the formats that lint asks for
	@cargo fmt --all
	@$(BIN)/ruff check --fix-only --exit-zero --quiet
	@$(BIN)/ruff format
	@$(BIN)/buf format --write proto

.PHONY: guards
guards: setup ## break each guard in turn and see that a test notices; by hand, takes long
	@$(PY) tests/guards.py $(ARGS)

#@ Measure
.PHONY: bench
bench: setup ## each part beside a yardstick, one table at the end; writes bench/results
	@mkdir -p bench/results
	@$(PY) -m pytest bench -q --benchmark-only --benchmark-quiet --benchmark-timer=time.process_time \
	  --benchmark-json=bench/results/bench.json $(ARGS)

.PHONY: footprint
footprint: setup ## disk and memory for an identity, a login, a stream, a worker; a minute
	@$(PY) -m bench.footprint $(ARGS)

.PHONY: load
load: login-cost ## people and attackers over a shape of time, with plots; ARGS="--help"
	$(call say,people and attackers)
	@$(PY) -m bench.shaped_load $(ARGS)

.PHONY: login-cost
login-cost: setup ## what a login costs the server, beside yardsticks of the same run
	$(call say,the cost of a login)
	@$(PY) -m bench.load $(COST_ARGS)

.PHONY: scale
scale: setup ## logins among 4.5 million identities, against 45 thousand; minutes
	@$(PY) -m bench.scale $(ARGS)

.PHONY: overload
overload: setup ## ten times the peak for a minute, and what becomes of those admitted
	@$(PY) -m bench.overload $(ARGS)

.PHONY: soak
soak: setup ## an hour of steady load, and whether anything grows
	@$(PY) -m bench.soak $(ARGS)

.PHONY: bench-instructions
bench-instructions: setup ## instruction counts against the accepted ones; exit code 1 on 1 % more
	$(call say,instruction counts)
	@$(PY) -m bench.instructions $(ARGS)

.PHONY: bench-compare
bench-compare: setup ## this checkout against BASE=commit, in turns; exit code 1 when it is dearer
	@$(PY) -m bench.compare $(if $(BASE),--base $(BASE)) $(ARGS)

.PHONY: bench-accept
bench-accept: setup ## store the instruction counts of now as the accepted ones; commit them
	@$(PY) -m bench.instructions --accept

.PHONY: bench-planted
bench-planted: setup ## plant 5 % in each gated subject and see the gate notice; by hand
	@$(PY) -m bench.planted $(ARGS)

#@ Made files
.PHONY: bench-table
bench-table: $(LOCKED) ## write the table of figures in README.md from bench/results
	@$(PY) -m bench.render

.PHONY: proto
proto: $(LOCKED) ## write python/godkend/v1 from proto/
	@$(PY) proto/generate.py

.PHONY: proto-check
proto-check: $(LOCKED) ## fail when python/godkend/v1 is not what proto/ says
	$(call say,proto currency)
	@$(PY) proto/generate.py --check

.PHONY: lock
lock: $(LOCKED) ## write requirements.lock from pyproject.toml; UPGRADE=1 takes the newest versions
	@$(BIN)/uv pip compile --quiet --universal --python-version $(PYTHON_MIN) --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --extra dev \
	  $(if $(UPGRADE),--upgrade) --output-file requirements.lock pyproject.toml

.PHONY: clean
clean: ## remove what was built: .venv, target, the extension, caches
	@rm -rf '$(VENV)' target $(CORE) .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	@find python tests bench proto -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
