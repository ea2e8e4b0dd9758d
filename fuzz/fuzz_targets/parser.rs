//! libFuzzer's way into `parser::target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| service_registry_fuzz::parser::target(input));
