//! libFuzzer's way into `stored::target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| service_registry_fuzz::stored::target(input));
