.PHONY: demo

# A small farm on this machine, with the edge in front of it.
demo:
	cargo run --locked --quiet -- demo
