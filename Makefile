# The commands of this project. CI runs `make check test`, as you do.
.DEFAULT_GOAL := help
.PHONY: help setup demo check test fuzz security bench diagrams stack-init test-stack

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## Install what is missing: ffmpeg, a font, Temporal
	@scripts/setup.sh

demo: setup ## Turn a real clip into HLS, check the result, and say where to play it
	cargo build --locked --package millrace
	@scripts/demo.sh

check: ## Formatting, lints and dependencies
	@scripts/setup.sh check
	cargo fmt --all --check
	@scripts/deny.sh
	@scripts/diagrams.sh check
	cargo clippy --workspace --all-targets --locked -- -D warnings

test: ## Every test, against real ffmpeg, Temporal, PostgreSQL, S3, VLC and Chromium
	@scripts/setup.sh test
	@scripts/test.sh

fuzz: ## Try every parser with many hostile inputs (FUZZ_CASES of each), for hours
	PROPTEST_CASES=$${FUZZ_CASES:-2000000} cargo test --workspace --locked --no-fail-fast hostile

security: setup ## Every attack: those of `make test`, then many times as many hostile inputs and bombs
	@scripts/setup.sh test
	@scripts/test.sh
	PROPTEST_CASES=20000 MILLRACE_TEST_BOMBS=6 cargo test --workspace --locked --no-fail-fast -- hostile bombs

bench: setup ## Measure speed against plain ffmpeg, into bench/RESULTS.md
	@scripts/bench.sh

diagrams: ## Render docs/diagrams
	@scripts/setup.sh docs
	@scripts/diagrams.sh

stack-init: ## Write the secrets that the compose files need (.env)
	@scripts/stack.sh init

test-stack: ## Both compose files on an engine of their own: videos while services are killed (BINARY=FILE)
	@scripts/stack.sh test
