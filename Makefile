# One environment, made once and reused: .venv follows setup.cfg and constraints.txt.
# make setup | demo | bench | test | device | device-arm | apps | apps-faults | test-slow | lint | format | signing | clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SIGNING := .venv-signing

.PHONY: setup demo bench test pytest board android ios device device-arm apps apps-faults test-slow lint style types imports format signing clean

setup: $(STAMP)

$(STAMP): setup.cfg pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all,dev]"
	touch $@

demo: setup
	$(BIN)/python examples/demo.py --out out

# The default bundle on this machine: out/record.json and out/report.html. Fails where the verdict is no pass
bench: setup
	test -d out/dmvton-lite.dmvton || \
		$(BIN)/dmvton convert --target all --precision fp32 --precision int8 --out out/dmvton-lite.dmvton
	rm -f out/record.json out/report.html
	$(BIN)/dmvton bench run --bundle out/dmvton-lite.dmvton --suite quick --out out/record.json; measured=$$?; \
		$(BIN)/dmvton bench report out/record.json --out out/report.html && exit $$measured

# `make --keep-going test` goes through all of it, whatever fails
test: lint pytest

# A process per core, each with one thread; all tests of a file run in the same process
pytest: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --dist loadfile --durations=25

# What the boards' and the apps' tests need beside .venv, each kept in the user's cache
board:
	.ci/adb-device make

android:
	PYTHON=$(PYTHON) .ci/apps-android make

ios:
	.ci/apps-ios make

# A board over adb: a Debian root file system with a real adbd. Needs root, and debootstrap, iproute2, util-linux
device: setup board
	$(BIN)/python -m pytest -m "device and not slow" tests/benchmarks/devices

# The same board with ARM kernels under qemu: parity, not speed. Needs qemu-user-static, too; making it takes long
device-arm: setup
	.ci/adb-device --arch arm64 make
	$(BIN)/python -m pytest -m "device and slow" tests/benchmarks/devices

# Both apps' kits, compiled and tested by real Kotlin and Swift compilers. Needs root, debootstrap, and Debian's packages
apps: setup android ios
	$(BIN)/python -m pytest -m apps tests/apps

# Whether those tests see what goes wrong: a hundred deliberate faults in each kit, one after the other. It takes an hour
apps-faults: setup android ios
	$(BIN)/python .ci/app_faults.py

test-slow: setup signing
	$(BIN)/python -m pytest -m "(slow or network) and not device and not apps and not cuda and not macos"

lint: style types imports

style: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Its libraries and those of LiteRT's converter exclude each other, hence an environment of its own
signing: $(SIGNING)/.installed

$(SIGNING)/.installed: dmvton_mobile/bundles/signing.py | setup
	test -x $(SIGNING)/bin/python || $(PYTHON) -m venv $(SIGNING)
	$(SIGNING)/bin/python -m pip install --quiet --disable-pip-version-check \
		$$($(BIN)/python -c "from dmvton_mobile.bundles.signing import REQUIREMENTS; print(*REQUIREMENTS)")
	touch $@

clean:
	rm -rf build out dmvton_mobile.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +
