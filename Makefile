# Everything works on a fresh Debian 12 with Rust, a C compiler and make; each target installs what it lacks.
.PHONY: demo test lint

# A small farm on this machine, with the edge in front of it.
demo:
	@tests/needs cmake
	cargo run --locked --quiet -- demo

test:
	@tests/needs cmake curl gss-ntlmssp h2load haproxy nghttp nginx openssl prometheus python3 python3-venv slowhttptest
	@tests/venv
	tests/run

lint:
	@tests/needs cmake
	@cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --locked --no-deps
	@if ! cargo deny --version >/dev/null 2>&1; then \
		echo "cargo-deny is not installed: licences, bans, sources and advisories are not checked" >&2; \
	else \
		cargo deny check licenses bans sources || exit 1; \
		if cargo deny fetch db >/dev/null 2>&1; then \
			cargo deny check --disable-fetch advisories || exit 1; \
		else \
			echo "the advisory database cannot be reached: advisories are not checked" >&2; \
		fi; \
	fi
