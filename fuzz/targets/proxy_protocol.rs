#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| identity_edge::fuzzing::proxy_protocol(input));
